"""The median over a sequence's tokens: half of them would have to be outliers to decide it."""

from semdim.uncertainty.level import LevelStatistic, add_level, quantile

LEVEL = LevelStatistic(
    name="sequence_median", words="median of a sequence", statistic=quantile(0.5), order=1
)
add_level(LEVEL)
