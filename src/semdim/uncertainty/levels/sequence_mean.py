"""The mean over a sequence's tokens: a few huge values decide it."""

import numpy as np
from jaxtyping import Bool, Float

from semdim.uncertainty.level import LevelStatistic, add_level, counts


def mean(
    values: Float[np.ndarray, "sequences positions"],
    mask: Bool[np.ndarray, "sequences positions"],
) -> Float[np.ndarray, " sequences"]:
    """Sum of the values that count over their number."""
    return np.where(mask, values, 0.0).sum(axis=1) / counts(values, mask)


LEVEL = LevelStatistic(name="sequence_mean", words="mean of a sequence", statistic=mean, order=0)
add_level(LEVEL)
