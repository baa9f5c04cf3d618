"""The value that a quarter of a sequence's tokens stay below."""

from semdim.uncertainty.level import LevelStatistic, add_level, quantile

LEVEL = LevelStatistic(
    name="sequence_q25", words="25 % quantile of a sequence", statistic=quantile(0.25), order=3
)
add_level(LEVEL)
