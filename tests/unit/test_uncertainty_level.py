"""Level statistics: one number for a sequence, from the values of its tokens."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semdim.errors import DataError
from semdim.uncertainty.level import LEVEL_STATISTICS, all_levels

REFERENCE = {
    "sequence_mean": np.mean,
    "sequence_median": np.median,
    "sequence_trimmed_mean": lambda v: np.sort(v)[len(v) // 10 : len(v) - len(v) // 10].mean(),
    "sequence_q25": lambda v: np.quantile(v, 0.25),
    "sequence_q75": lambda v: np.quantile(v, 0.75),
    "sequence_max": np.max,
}


def test_levels_are_listed_in_their_order() -> None:
    assert [level.name for level in all_levels()] == list(REFERENCE)


def test_golden_values() -> None:
    values = np.array([[*range(1, 10), 1000.0, 7.0], [2.0, 4.0, 99.0, *[99.0] * 8]])
    mask = np.array([[True] * 10 + [False], [True, True] + [False] * 9])
    found = {level.name: level.statistic(values, mask).tolist() for level in all_levels()}
    assert found == {
        "sequence_mean": [104.5, 3.0],
        "sequence_median": [5.5, 3.0],
        "sequence_trimmed_mean": [5.5, 3.0],  # 2 … 9; too few to trim
        "sequence_q25": [3.25, 2.5],
        "sequence_q75": [7.75, 3.5],
        "sequence_max": [1000.0, 4.0],
    }


@pytest.mark.parametrize("name", REFERENCE)
@given(
    values=arrays(np.float64, (3, 23), elements=st.floats(-1e6, 1e6)),
    mask=arrays(np.bool_, (3, 23)),
)
def test_each_is_its_plain_definition_on_the_positions_that_count(
    name: str, values: np.ndarray, mask: np.ndarray
) -> None:
    mask[:, 4] = True
    values[~mask] = np.nan
    found = LEVEL_STATISTICS[name].statistic(values, mask)
    expected = [REFERENCE[name](row[keep]) for row, keep in zip(values, mask, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("name", REFERENCE)
def test_a_sequence_without_a_position_that_counts_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="1 of 2 sequences have no position that counts"):
        LEVEL_STATISTICS[name].statistic(np.ones((2, 2)), np.array([[True, True], [False, False]]))


def test_an_outlier_moves_the_mean_and_the_maximum_and_not_the_quantiles() -> None:
    values = np.tile(np.arange(40.0), (2, 1))
    values[1, -1] = 5000.0
    mask = np.ones_like(values, dtype=bool)
    moved = {level.name for level in all_levels() if np.ptp(level.statistic(values, mask)) > 0}
    assert moved == {"sequence_mean", "sequence_max"}
