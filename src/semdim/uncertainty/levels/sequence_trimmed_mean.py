"""The mean of a sequence's tokens without its smallest and its largest tenth."""

import numpy as np
from jaxtyping import Bool, Float

from semdim.uncertainty.level import LevelStatistic, add_level, ordered

TRIMMED = 0.1
"""Share of the tokens left out at either end, rounded down to whole tokens."""


def trimmed_mean(
    values: Float[np.ndarray, "sequences positions"],
    mask: Bool[np.ndarray, "sequences positions"],
) -> Float[np.ndarray, " sequences"]:
    """Mean of the middle 80 % of the values that count; of all, where there are fewer than ten."""
    ascending, n = ordered(values, mask)
    out = np.floor(TRIMMED * n).astype(np.int64)[:, None]
    place = np.arange(values.shape[1])[None, :]
    kept = (place >= out) & (place < n[:, None] - out)
    return np.where(kept, ascending, 0.0).sum(axis=1) / kept.sum(axis=1)


LEVEL = LevelStatistic(
    name="sequence_trimmed_mean",
    words="trimmed mean of a sequence",
    statistic=trimmed_mean,
    order=2,
)
add_level(LEVEL)
