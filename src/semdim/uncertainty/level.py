"""Level statistics: one number for a sequence, from the values of its tokens.

A few tokens with a huge value decide a mean, and one decides a maximum; a median or a quartile
does not notice them. Which summary is right depends on the score, so every score has every level.

A statistic reads values [n_sequences, n_positions] and a mask of the same shape that says which
positions count. To add one is to add a file that ends in ``add_level(LEVEL)``, in
``semdim.uncertainty.levels`` or in a plugin.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.registry import Registry

Statistic = Callable[
    [Float[np.ndarray, "sequences positions"], Bool[np.ndarray, "sequences positions"]],
    Float[np.ndarray, " sequences"],
]


@dataclass(frozen=True)
class LevelStatistic:
    """One entry of the registry."""

    name: str
    """Name in tables and files."""
    words: str
    """The same for a reader, such as "median of a sequence"."""
    statistic: Statistic = field(compare=False)
    """From values and mask to one value per sequence. Masked values are never looked at. Raises
    ``DataError`` for a sequence without a position that counts."""
    order: int = 100
    """Place among the levels, smaller first; levels of one place go by name."""


MOVING = "moving_mean"
"""The guardrail's own statistic beside the levels: the largest mean over so many consecutive tokens
that count (`semdim.uncertainty.alarm_levels`)."""
LEVEL_STATISTICS: Registry[LevelStatistic] = Registry("level", "semdim.uncertainty.levels")


def add_level(level: LevelStatistic) -> LevelStatistic:
    """Register a level statistic under its name, and return it."""
    return LEVEL_STATISTICS.add(level.name, level)


def all_levels() -> tuple[LevelStatistic, ...]:
    """Every registered level statistic, in order."""
    return tuple(sorted(LEVEL_STATISTICS.values(), key=lambda level: (level.order, level.name)))


def counts(
    values: Float[np.ndarray, "sequences positions"],
    mask: Bool[np.ndarray, "sequences positions"],
) -> Int[np.ndarray, " sequences"]:
    """Positions that count in each sequence. Raises ``DataError`` where there is none."""
    if values.shape != mask.shape:
        raise DataError(
            f"The values have shape {values.shape}, but their mask has {mask.shape}; "
            "give both the same shape."
        )
    n = mask.sum(axis=1)
    if empty := int((n == 0).sum()):
        raise DataError(
            f"{empty} of {len(n)} sequences have no position that counts; a level statistic needs "
            "at least one."
        )
    return n


def ordered(
    values: Float[np.ndarray, "sequences positions"],
    mask: Bool[np.ndarray, "sequences positions"],
) -> tuple[Float[np.ndarray, "sequences positions"], Int[np.ndarray, " sequences"]]:
    """Each sequence's values that count, ascending, with infinity behind them, and their number.

    Raises ``DataError`` as ``counts``.
    """
    n = counts(values, mask)
    return np.sort(np.where(mask, values, np.inf), axis=1), n


def quantile(share: float) -> Statistic:
    """The quantile of each sequence's values, linear between neighbours (as ``np.quantile``)."""

    def statistic(
        values: Float[np.ndarray, "sequences positions"],
        mask: Bool[np.ndarray, "sequences positions"],
    ) -> Float[np.ndarray, " sequences"]:
        ascending, n = ordered(values, mask)
        place = share * (n - 1)
        below = np.floor(place).astype(np.int64)
        rows = np.arange(len(n))
        low, high = ascending[rows, below], ascending[rows, np.minimum(below + 1, n - 1)]
        return low + (place - below) * (high - low)

    return statistic
