"""The difference of two means from two samples that have nothing to do with each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semdim.bounds.given_values import (
    MeanBound,
    check_range,
    check_values,
    difference_bound,
    unit_means,
)

ASSUMPTIONS = (
    "units of either sample are independent draws from one law, and the two samples are "
    "independent of each other",
    "the range is known beforehand, not read off the values",
    "the values were not chosen among several after they were seen",
)


def block_differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Second less first, [min(n, m)]: the larger sample is cut into as many blocks as the smaller
    has values, of q = ⌊larger/smaller⌋ values each, and a block's mean stands for one value.

    Which values meet is settled by their places and numbers alone. Each difference is then a draw
    from one law whose mean is the difference of the means, and differences are independent.
    """
    n = min(len(first), len(second))
    one, two = (
        values[: n * (len(values) // n)].reshape(n, -1).mean(axis=1) for values in (first, second)
    )
    return np.asarray(two - one)


def unpaired_difference(
    first: np.ndarray | Sequence[float],
    second: np.ndarray | Sequence[float],
    *,
    ceiling: float,
    floor: float = 0.0,
    failure_prob: float = 0.05,
    method: str = "betting",
    first_units: Sequence[object] | None = None,
    second_units: Sequence[object] | None = None,
) -> MeanBound:
    """An interval for the mean of the second law less that of the first.

    The interval is `semdim.bounds.given_values.mean_bound` of `block_differences`: a theorem, with
    one loss of sharpness, that the samples share no unit whose differences would cancel. Take
    `paired_difference` where they do.

    Args:
        first: [n], each in [floor, ceiling].
        second: [m], likewise.
        ceiling: the largest value that there can be.
        floor: the smallest.
        failure_prob: δ.
        method: as in `mean_bound`, but ``exact``.
        first_units: the unit of each value; None: each value.
        second_units: likewise.

    Raises:
        ConfigError, DataError: as `mean_bound`.
    """
    check_range(floor, ceiling)
    samples = []
    for values, units in ((first, first_units), (second, second_units)):
        given = np.asarray(values, dtype=np.float64)
        check_values(given, floor, ceiling)
        samples.append(unit_means(given, units))
    found = difference_bound(
        block_differences(*samples),
        ceiling=ceiling,
        floor=floor,
        failure_prob=failure_prob,
        method=method,
    )
    n_values = sum(len(np.asarray(values)) for values in (first, second))
    return replace(found, n_values=n_values, assumptions=ASSUMPTIONS)
