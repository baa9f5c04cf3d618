"""How much of a quantity's variance its position, its token and its document explain.

Each factor has a level for each of its values, fitted by least squares, the effects added up. A
token that occurs once explains itself, so shares are *adjusted*: 1 − (RSS/(n − p))/(TSS/(n − 1))
with p the number of free effects, which is 0 on average for a factor that explains nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semdim.errors import DataError

SWEEPS, TOLERANCE = 500, 1e-9


@dataclass(frozen=True)
class Share:
    """What some factors explain together."""

    adjusted: float
    """Adjusted share of the variance; below 0 by chance where they explain nothing."""
    plain: float
    """R², which counts what they fit by having many levels."""
    n_levels: int
    """Free effects p, the mean included."""


def explained(
    values: Float[np.ndarray, " items"], factors: Sequence[Int[np.ndarray, " items"]]
) -> Share:
    """Share of the variance that additive factors explain, by backfitting.

    Args:
        values: of each item.
        factors: labels of each item, any whole numbers, one array for each factor.

    Raises:
        DataError: the values are constant, or there are as many levels as items.
    """
    codes = [np.unique(labels, return_inverse=True)[1] for labels in factors]
    counts = [np.bincount(code) for code in codes]
    # One mean, and of each factor its levels but one.
    n_levels = 1 + sum(len(count) - 1 for count in counts)
    if len(values) <= n_levels:
        raise DataError(
            f"{n_levels} levels are fitted to {len(values)} items; there must be more items."
        )
    left = values - values.mean()
    total = float(left @ left)
    if total <= 0:
        raise DataError("The values are all equal: there is no variance to explain.")
    before = total
    for _ in range(SWEEPS):
        for code, count in zip(codes, counts, strict=True):
            left = left - (np.bincount(code, weights=left) / count)[code]
        now = float(left @ left)
        if before - now <= TOLERANCE * total:
            break
        before = now
    rest = float(left @ left)
    n_items = len(values)
    return Share(
        adjusted=1.0 - rest / (n_items - n_levels) / (total / (n_items - 1)),
        plain=1.0 - rest / total,
        n_levels=n_levels,
    )
