"""Scores against shifts: their names in words, and the AUROC as a matrix."""

import pandas as pd

from semdim.results.read import ProbeResults
from semdim.uncertainty.level import all_levels

CONTENDERS = ("n_active", "n_active_two_sided")
TWO_SIDED = "_two_sided"
SIDES = {False: "as theory expects", True: "two-sided"}
WORDS = {
    "n_active": "n_active",
    "n_active_adjusted": "n_active, adjusted",
    "knn_distance": "kNN distance",
    "one_minus_max_prob": "missing confidence (MSP)",
    "unigram_nll": "token frequency",
    "nll": "loss of the next token",
}
"""Scores whose file name is no name to read."""
TOKEN, CHOSEN, MEAN = "token", "chosen", "sequence_mean"


def levels() -> dict[str, str]:
    """Levels in words, in the order of tables and figures."""
    return {
        TOKEN: "per token",
        **{level.name: level.words for level in all_levels()},
        CHOSEN: "each score at its own level",
    }


def main_level(probe: ProbeResults) -> str:
    """The level at which scores are compared: each at its own; the mean of a sequence in results
    that were written before levels were chosen."""
    return CHOSEN if (probe.table("uncertainty")["level"] == CHOSEN).any() else MEAN


def chosen_level(probe: ProbeResults, score: str) -> str:
    """The level of a score at which it is compared."""
    choice = (probe.verdict.get("level_choice") or {}).get(one_sided(score)) or {}
    return str(choice.get("level") or main_level(probe))


def one_sided(score: str) -> str:
    """Name of the score of which this is the two-sided form, or its own."""
    return score.removesuffix(TWO_SIDED)


def is_two_sided(score: str) -> bool:
    """Whether a score is a distance from its usual value."""
    return score.endswith(TWO_SIDED)


def score_words(score: str) -> str:
    """A score's name for a table: underscores are for files."""
    plain = one_sided(score).replace("_", " ").replace("mahalanobis", "Mahalanobis")
    words = WORDS.get(one_sided(score), plain)
    return f"{words} (two-sided)" if is_two_sided(score) else words


def uses_labels(probe: ProbeResults, score: str) -> bool:
    """Whether a score looks at the true next token, so that it exists only after the fact."""
    rows = probe.table("uncertainty")
    flags = rows.loc[rows["score"] == score, "uses_labels"].dropna()
    return bool(len(flags)) and str(flags.iloc[0]).lower() in ("true", "1", "1.0")


def auroc_matrix(probe: ProbeResults) -> pd.DataFrame:
    """AUROC at the level of the comparison: a row per score, a column per (two-sided, shift), in
    the order of the files. Empty where a score has no such form."""
    rows = probe.table("uncertainty")
    rows = rows[rows["level"] == main_level(probe)]
    rows = rows.assign(
        base=rows["score"].map(one_sided), side=rows["score"].map(is_two_sided).astype(bool)
    )
    shifts = list(dict.fromkeys(rows["shift"]))
    columns = pd.MultiIndex.from_tuples([(side, shift) for side in SIDES for shift in shifts])
    matrix = rows.pivot_table(index="base", columns=["side", "shift"], values="auroc")
    return matrix.reindex(index=list(dict.fromkeys(rows["base"])), columns=columns)


def column_pairs(matrix: pd.DataFrame) -> list[tuple[bool, str]]:
    """The columns of `auroc_matrix` as (two-sided, shift)."""
    return [(bool(pair[0]), str(pair[1])) for pair in matrix.columns.to_list()]
