"""The value that three quarters of a sequence's tokens stay below."""

from semdim.uncertainty.level import LevelStatistic, add_level, quantile

LEVEL = LevelStatistic(
    name="sequence_q75", words="75 % quantile of a sequence", statistic=quantile(0.75), order=4
)
add_level(LEVEL)
