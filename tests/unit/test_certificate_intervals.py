"""Intervals of certificates: golden values, agreement of two ways to compute them, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from semdim.certificate.intervals import (
    RATIO_FROM,
    RATIO_STEP,
    exact_share,
    excluded,
    ratio_of_means,
    recovered_interval,
    student,
    two_sided,
)
from semdim.errors import DataError

DELTA, N, REPETITIONS = 0.1, 150, 2000
MOST = binom.ppf(0.9999, REPETITIONS, DELTA)  # misses that δ explains


def both_sides(values: np.ndarray, low: float, high: float, mean: float) -> int:
    """In how many rows the interval at δ misses ``mean``."""
    above = excluded(values, low, high, mean, DELTA / 2)
    below = excluded(low + high - values, low, high, low + high - mean, DELTA / 2)
    return int((above | below).sum())


def kl_like(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """Small and skewed, far from the end of the range, as KL is."""
    return 7.8 * rng.beta(0.6, 60.0, (REPETITIONS, N)), 0.0, 7.8, 7.8 * 0.6 / 60.6


def agreement_like(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """Shares of 31 predictions, whose level differs by document."""
    level = rng.beta(8.0, 2.0, (REPETITIONS, N))
    return rng.binomial(31, level) / 31, 0.0, 1.0, 0.8


def single_predictions(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """0 or 1."""
    return (rng.random((REPETITIONS, N)) < 0.9).astype(float), 0.0, 1.0, 0.9


def l0_like(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """Mean k by document, of a large dictionary; rarely very large."""
    k = rng.gamma(20.0, 3.0, (REPETITIONS, N))
    k[rng.random(k.shape) < 0.01] = 2000.0
    return k, 0.0, 9216.0, 0.99 * 60.0 + 0.01 * 2000.0


def signed_like(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """Changes of either sign."""
    return rng.uniform(-0.3, 0.7, (REPETITIONS, N)), -15.6, 15.6, 0.2


@pytest.mark.parametrize("law", [kl_like, agreement_like, single_predictions, l0_like, signed_like])
def test_an_interval_misses_its_mean_as_rarely_as_it_promises(law: object) -> None:
    values, low, high, mean = law(np.random.default_rng(5))  # type: ignore[operator]
    assert both_sides(values, low, high, mean) <= MOST
    # So that this says something: a mean that is far off is missed nearly always.
    far = mean + 0.8 * (high - mean)
    assert both_sides(values, low, high, far) > 0.95 * REPETITIONS


def test_exact_shares_are_missed_as_rarely_as_they_promise() -> None:
    counts = np.random.default_rng(2).binomial(N, 0.9, REPETITIONS)
    ends = {count: exact_share(int(count), N, DELTA) for count in set(counts.tolist())}
    missed = sum(not ends[count][0] <= 0.9 <= ends[count][1] for count in counts.tolist())
    assert 0 < missed <= MOST


def test_loss_recovered_is_missed_as_rarely_as_it_promises() -> None:
    rng = np.random.default_rng(3)
    shape = (REPETITIONS, N)
    model = rng.uniform(2.0, 6.0, shape)
    cost, part = rng.gamma(4.0, 0.5, shape), rng.beta(18.0, 2.0, shape)
    ablated = np.minimum(model + cost, 15.0)
    proxy = ablated - part * (ablated - model)
    ratio = 0.9  # part and cost are independent
    above = RATIO_FROM + RATIO_STEP * np.ceil((ratio - RATIO_FROM) / RATIO_STEP - 1e-9)
    below = RATIO_FROM + RATIO_STEP * np.floor((ratio - RATIO_FROM) / RATIO_STEP + 1e-9)
    v_above = (1 - above) * ablated + above * model - proxy
    v_below = (1 - below) * ablated + below * model - proxy
    span = 14.0
    missed = excluded(v_above, -span, span, 0.0, DELTA / 2)
    missed |= excluded(-v_below, -span, span, 0.0, DELTA / 2)
    assert int(missed.sum()) <= MOST
    for row in range(20):
        lower, upper = recovered_interval(ablated[row], model[row], proxy[row], 1.0, 15.0, DELTA)
        assert lower is not None and upper is not None
        if not missed[row]:
            assert lower <= ratio <= upper
        assert upper - lower < 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.floats(0.01, 0.4))
def test_the_ends_are_where_the_test_begins_to_reject(seed: int, n: int, delta: float) -> None:
    values = np.random.default_rng(seed).beta(2.0, 5.0, n) * 3.0 - 1.0
    lower, upper = two_sided(values, -1.0, 2.0, delta)
    assert -1.0 <= lower <= values.mean() <= upper <= 2.0
    rows = values[None]
    if lower > -1.0:
        assert excluded(rows, -1.0, 2.0, lower - 1e-6, delta / 2)[0]
    if lower < values.mean():
        assert not excluded(rows, -1.0, 2.0, lower + 1e-6, delta / 2)[0]
    if upper < 2.0:
        assert excluded(1.0 - rows, -1.0, 2.0, 1.0 - upper - 1e-6, delta / 2)[0]


def test_an_interval_holds_the_mean_of_its_sample() -> None:
    # The bound by betting alone is -0.1299 here, below the mean of -0.1198.
    values = np.random.default_rng(46).beta(2.0, 5.0, 45) * 3.0 - 1.0
    assert two_sided(values, -1.0, 2.0, 0.375)[1] == pytest.approx(values.mean())


def test_golden_intervals() -> None:
    # Clopper and Pearson, from tables: 8 of 10 at 95 %.
    assert exact_share(8, 10, 0.05) == pytest.approx((0.443905, 0.974789), abs=1e-6)
    assert exact_share(0, 10, 0.05) == pytest.approx((0.0, 0.308497), abs=1e-6)
    assert exact_share(10, 10, 0.05) == pytest.approx((0.691503, 1.0), abs=1e-6)
    # Student's t of 1 … 5 at 95 %: 3 ± 2.776445 · √(2.5/5).
    found = student(np.arange(1.0, 6.0), 0.05)
    assert found == pytest.approx((3 - 1.963243, 3 + 1.963243), abs=1e-6)
    ratio, lower, upper = ratio_of_means(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]), 0.05)
    assert (ratio, lower, upper) == pytest.approx((0.5, 0.5, 0.5))


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(DataError, match="must lie in"):
        two_sided(np.array([0.5, 1.5]), 0.0, 1.0, 0.05)
    with pytest.raises(DataError, match="NaN"):
        two_sided(np.array([0.5, np.nan]), 0.0, 1.0, 0.05)
    with pytest.raises(DataError, match=r"losses \(ablated\)"):
        recovered_interval(np.array([9.0]), np.array([1.0]), np.array([1.0]), 0.0, 8.0, 0.05)
