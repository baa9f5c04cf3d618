"""At which level a score is compared: chosen on the ID fit documents, before any shift is seen.

The criterion is **split-half reliability**: a level statistic is computed twice, from the odd and
from the even tokens of each sequence, and the level with the highest rank correlation between the
two is taken. It is high where the statistic is a property of the text, and low where it depends on
which few tokens the text happens to hold, as a maximum does. Rank correlation, because AUROC sees
ranks only. (Spearman, "Correlation calculated from faulty data", 1910; Brown, "Some experimental
results in the correlation of mental abilities", 1910.)

Every score is given the same choice by the same criterion. The choice costs nothing in the
intervals: the documents that it is made on are not evaluated. It promises nothing, either: a level
that describes text well need not be the one at which a shift shows most.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from semdim.uncertainty.level import LevelStatistic
from semdim.uncertainty.values import Halves
from semdim.uncertainty.verdict import LevelChoice

CRITERION = (
    "the highest rank correlation between the statistic of the odd and of the even tokens of a "
    "sequence, over the in-distribution fit documents"
)
CHOSEN = "chosen"
"""Name of the level that stands for each score's own choice."""
FEWEST_SEQUENCES = 3


def reliability(found: Halves) -> float | None:
    """Spearman's correlation, in [−1, 1], between the level of odd and of even tokens.

    None for fewer than three sequences, and for a statistic that does not vary.
    """
    if len(found.odd) < FEWEST_SEQUENCES:
        return None
    first, second = rankdata(found.odd), rankdata(found.even)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def choose_level(found: Mapping[str, Halves], levels: Sequence[LevelStatistic]) -> LevelChoice:
    """The most reliable of the levels on these sequences; the first where none can be told.

    Args:
        found: by level, a score on the ID fit documents, by odd and even tokens.
        levels: those to choose from; of equally reliable ones the first is taken.
    """
    reliable = {level.name: reliability(found[level.name]) for level in levels}
    known = {name: value for name, value in reliable.items() if value is not None}
    chosen = max(known, key=lambda name: known[name]) if known else levels[0].name
    return LevelChoice(level=chosen, reliability=reliable)
