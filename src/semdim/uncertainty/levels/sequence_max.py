"""The largest value among a sequence's tokens: one outlier decides it."""

import numpy as np
from jaxtyping import Bool, Float

from semdim.uncertainty.level import LevelStatistic, add_level, counts


def largest(
    values: Float[np.ndarray, "sequences positions"],
    mask: Bool[np.ndarray, "sequences positions"],
) -> Float[np.ndarray, " sequences"]:
    """Maximum of the values that count."""
    counts(values, mask)
    return np.where(mask, values, -np.inf).max(axis=1)


LEVEL = LevelStatistic(
    name="sequence_max", words="maximum of a sequence", statistic=largest, order=5
)
add_level(LEVEL)
