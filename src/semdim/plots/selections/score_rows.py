"""Scores against shifts: their names in words, and the AUROC as a matrix."""

import pandas as pd

from semdim.results.read import ProbeResults

LEVELS = {
    "token": "per token",
    "sequence_mean": "mean of a sequence",
    "sequence_max": "maximum of a sequence",
}
ROC_LEVEL = "sequence_mean"
CONTENDERS = ("n_active", "n_active_two_sided")


def score_words(score: str) -> str:
    """A score's name for a table: underscores are for files."""
    words = score.replace("_", " ").replace("n active", "n_active")
    return words.replace("mahalanobis", "Mahalanobis").replace("knn", "kNN")


def uses_labels(probe: ProbeResults, score: str) -> bool:
    """Whether a score looks at the true next token, so that it exists only after the fact."""
    rows = probe.table("uncertainty")
    flags = rows.loc[rows["score"] == score, "uses_labels"].dropna()
    return bool(len(flags)) and str(flags.iloc[0]).lower() in ("true", "1", "1.0")


def auroc_matrix(probe: ProbeResults) -> pd.DataFrame:
    """AUROC with a row per score and a column per (level, shift), in the order of the files."""
    rows = probe.table("uncertainty")
    scores = list(dict.fromkeys(rows["score"]))
    shifts = list(dict.fromkeys(rows["shift"]))
    levels = [level for level in LEVELS if level in set(rows["level"])]
    columns = pd.MultiIndex.from_tuples([(level, s) for level in levels for s in shifts])
    matrix = rows.pivot_table(index="score", columns=["level", "shift"], values="auroc")
    return matrix.reindex(index=scores, columns=columns)


def column_pairs(matrix: pd.DataFrame) -> list[tuple[str, str]]:
    """The columns of `auroc_matrix` as (level, shift)."""
    return [(str(pair[0]), str(pair[1])) for pair in matrix.columns.to_list()]
