"""Certificates for any bounded vector: an upper bound of a mean, an interval, a paired difference.

Nothing here knows what the values are: losses, accuracies, tokens of a bill. What is certified is
the mean of the law from which the units are independent draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from semdim.bounds.concentration import SOURCES, Method, upper_mean
from semdim.bounds.validation import check_failure_prob
from semdim.errors import ConfigError, DataError

GIVEN_METHODS = ("betting", "hoeffding", "maurer_pontil", "exact")
Side = Literal["upper", "both"]
EXACT = "Clopper and Pearson 1934, exact binomial bound"
ASSUMPTIONS = (
    "units are independent draws from one law",
    "the range is known beforehand, not read off the values",
    "the values were not chosen among several after they were seen",
)


@dataclass(frozen=True)
class MeanBound:
    """What is certified of a mean."""

    mean: float
    """Of the sample: the mean over units of a unit's mean."""
    lower: float | None
    """Lower end; None: only the upper one was asked for."""
    upper: float
    """Upper end."""
    n_units: int
    """Independent units."""
    n_values: int
    """Values behind them."""
    failure_prob: float
    """δ, for both ends together."""
    method: str
    """One of `GIVEN_METHODS`."""
    range_low: float
    """The least that a unit's value can be."""
    range_high: float
    """The most."""
    theorem: str
    """Where the bound comes from."""
    assumptions: tuple[str, ...] = ASSUMPTIONS
    """What has to be true for it."""


def unit_means(values: np.ndarray, units: Sequence[object] | None) -> np.ndarray:
    """The mean of each unit's values, in an order that does not depend on the values.

    Betting bounds depend on the order, and a file may be sorted by what is bounded: units are
    drawn into a fixed random order.

    Args:
        values: [n].
        units: the unit of each value; None: each value is a unit.

    Returns:
        [number of units].

    Raises:
        DataError: another number of units than of values.
    """
    means = np.asarray(values, dtype=np.float64)
    if units is not None:
        if len(units) != len(means):
            raise DataError(f"There are {len(means)} values, but {len(units)} units.")
        number: dict[object, int] = {}
        index = np.array([number.setdefault(unit, len(number)) for unit in units])
        means = np.bincount(index, weights=means) / np.bincount(index)
    return means[np.random.default_rng(0).permutation(len(means))]


def mean_bound(
    values: np.ndarray | Sequence[float],
    *,
    ceiling: float,
    floor: float = 0.0,
    failure_prob: float = 0.05,
    method: str = "betting",
    units: Sequence[object] | None = None,
    side: Side = "upper",
) -> MeanBound:
    """Bound the mean of the law behind bounded values.

    Args:
        values: [n], each in [floor, ceiling].
        ceiling: the largest value that there can be.
        floor: the smallest.
        failure_prob: δ.
        method: ``exact`` is for values that are 0 or 1.
        units: what is independent, such as the document of each value; None: each value.
        side: ``upper``, all of δ above; ``both``, half of δ on either side.

    Raises:
        ConfigError: the range, δ or the method is none.
        DataError: values outside the range, NaN, too few, or not 0 or 1 for ``exact``.
    """
    check_failure_prob(failure_prob)
    check_range(floor, ceiling)
    if method not in GIVEN_METHODS:
        raise ConfigError(f"method must be one of {', '.join(GIVEN_METHODS)}, got '{method}'.")
    given = np.asarray(values, dtype=np.float64)
    check_values(given, floor, ceiling)
    means = unit_means(given, units)
    part = failure_prob / (2 if side == "both" else 1)
    if method == "exact":
        upper = _exact_upper(means, floor, ceiling, part)
        lower = floor + ceiling - _exact_upper(floor + ceiling - means, floor, ceiling, part)
        theorem = EXACT
    else:
        known = cast(Method, method)
        upper = upper_mean(means, floor, ceiling, part, known)
        lower = floor + ceiling - upper_mean(floor + ceiling - means, floor, ceiling, part, known)
        theorem = SOURCES[known]
    mean = float(means.mean())
    return MeanBound(
        mean=mean,
        lower=max(floor, min(lower, mean)) if side == "both" else None,
        upper=min(ceiling, max(upper, mean)),
        n_units=len(means),
        n_values=len(given),
        failure_prob=failure_prob,
        method=method,
        range_low=floor,
        range_high=ceiling,
        theorem=theorem + (", at δ/2 on either side" if side == "both" else ""),
    )


def paired_difference(
    first: np.ndarray | Sequence[float],
    second: np.ndarray | Sequence[float],
    *,
    ceiling: float,
    floor: float = 0.0,
    failure_prob: float = 0.05,
    method: str = "betting",
    units: Sequence[object] | None = None,
) -> MeanBound:
    """An interval for the mean of second − first, value by value; args as `mean_bound`.

    The range of a difference is [floor − ceiling, ceiling − floor].

    Raises:
        DataError: as `mean_bound`, or the two are not equally many.
        ConfigError: as `mean_bound`; ``exact`` is not for differences.
    """
    one, two = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if one.shape != two.shape:
        raise DataError(
            f"A paired difference needs the same number of values on both sides, got {len(one)} "
            f"and {len(two)}."
        )
    for values in (one, two):
        check_values(values, floor, ceiling)
    return difference_bound(
        two - one,
        ceiling=ceiling,
        floor=floor,
        failure_prob=failure_prob,
        method=method,
        units=units,
    )


def difference_bound(
    differences: np.ndarray,
    *,
    ceiling: float,
    floor: float,
    failure_prob: float,
    method: str,
    units: Sequence[object] | None = None,
) -> MeanBound:
    """An interval for the mean of differences of values in [floor, ceiling].

    Raises:
        DataError, ConfigError: as `mean_bound`; ``exact`` is not for differences.
    """
    if method == "exact":
        raise ConfigError("method: exact is for shares; a difference needs betting or hoeffding.")
    return mean_bound(
        differences,
        ceiling=ceiling - floor,
        floor=floor - ceiling,
        failure_prob=failure_prob,
        method=method,
        units=units,
        side="both",
    )


def check_range(floor: float, ceiling: float) -> None:
    """Raise ConfigError for a floor that is not below its ceiling."""
    if not (np.isfinite([floor, ceiling]).all() and floor < ceiling):
        raise ConfigError(
            f"The range needs a floor below its ceiling, got {floor:g} and {ceiling:g}."
        )


def check_values(values: np.ndarray, floor: float, ceiling: float) -> None:
    """Raise DataError for values that are none, or outside their range."""
    if values.ndim != 1 or not len(values):
        raise DataError(f"The values must be a non-empty vector, got shape {values.shape}.")
    outside = np.flatnonzero(~((values >= floor) & (values <= ceiling)))
    if len(outside):
        first = int(outside[0])
        raise DataError(
            f"{len(outside)} of {len(values)} values lie outside [{floor:g}, {ceiling:g}]; the "
            f"first is {values[first]:g} in row {first + 1}. The range must hold for every "
            "possible value."
        )


def _exact_upper(means: np.ndarray, floor: float, ceiling: float, failure_prob: float) -> float:
    from scipy.stats import beta

    hits = (means - floor) / (ceiling - floor)
    if not np.isin(hits, (0.0, 1.0)).all():
        raise DataError(
            "method: exact needs units that are 0 or 1 (floor or ceiling); take betting for others."
        )
    n_hits, n = int(hits.sum()), len(hits)
    share = 1.0 if n_hits == n else float(beta.ppf(1 - failure_prob, n_hits + 1, n - n_hits))
    return floor + (ceiling - floor) * share
