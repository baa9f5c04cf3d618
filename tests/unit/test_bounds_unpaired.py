"""The interval of a difference of two means from two samples: golden values, coverage, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import semdim
from semdim.bounds.unpaired import block_differences
from semdim.certificate.intervals import excluded, two_sided
from semdim.errors import ConfigError, DataError


def test_blocks_are_means_and_the_remainder_is_left() -> None:
    first, second = np.array([1.0, 3.0, 5.0, 7.0, 100.0]), np.array([0.0, 10.0])
    assert block_differences(first, second).tolist() == [-2.0, 4.0]
    assert block_differences(second, first).tolist() == [2.0, -4.0]
    assert block_differences(second, second).tolist() == [0.0, 0.0]


@given(st.integers(1, 30), st.integers(1, 30))
def test_their_mean_is_that_of_the_means_where_nothing_is_left(n: int, q: int) -> None:
    rng = np.random.default_rng(n * 31 + q)
    first, second = rng.random(n), rng.random(n * q)
    assert np.isclose(block_differences(first, second).mean(), second.mean() - first.mean())


def test_it_is_the_betting_interval_of_the_blocks() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(40), 0.5 + 0.5 * rng.random(120)
    found = semdim.unpaired_difference(first, second, ceiling=1.0)
    drawn = [
        values[np.random.default_rng(0).permutation(len(values))] for values in (first, second)
    ]
    blocks = block_differences(*drawn)
    blocks = blocks[np.random.default_rng(0).permutation(len(blocks))]
    assert (found.lower, found.upper) == pytest.approx(two_sided(blocks, -1.0, 1.0, 0.05))
    assert found.n_units == 40 and found.n_values == 160
    assert found.lower is not None and 0.0 < found.lower < 0.25 < found.upper < 0.6
    # Units count, not values: each value ten times is no more than once.
    units = np.repeat(np.arange(40), 10).tolist()
    again = semdim.unpaired_difference(np.repeat(first, 10), second, ceiling=1.0, first_units=units)
    assert (again.lower, again.upper) == pytest.approx((found.lower, found.upper))


@pytest.mark.parametrize(("n", "m"), [(40, 130), (90, 30)])
def test_the_true_difference_is_rejected_no_more_often_than_allowed(n: int, m: int) -> None:
    """2,000 pairs of skewed samples; the interval misses where a one-sided test rejects at δ/2."""
    delta, n_times = 0.1, 2_000
    rng = np.random.default_rng(n)
    first, second = rng.beta(1, 9, (n_times, n)), rng.beta(0.2, 0.3, (n_times, m))
    rows = np.stack([block_differences(*pair) for pair in zip(first, second, strict=True)])
    truth = 0.2 / 0.5 - 0.1
    missed = excluded(rows, -1.0, 1.0, truth, delta / 2)
    missed |= excluded(-rows, -1.0, 1.0, -truth, delta / 2)
    assert missed.mean() <= delta
    # The test is not idle: a wrong value is rejected in most of them.
    assert excluded(rows, -1.0, 1.0, truth - 0.35, delta / 2).mean() > 0.5


def test_bad_values_are_refused() -> None:
    for first, second in (([0.1], [1.5]), ([], [0.5]), ([-0.1], [0.5])):
        with pytest.raises(DataError):
            semdim.unpaired_difference(first, second, ceiling=1.0)
    with pytest.raises(DataError, match="units"):
        semdim.unpaired_difference([0.1, 0.2], [0.5], ceiling=1.0, first_units=["a"])
    with pytest.raises(ConfigError):
        semdim.unpaired_difference([0.1], [0.5], ceiling=0.0)
