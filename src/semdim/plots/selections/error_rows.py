"""Scores against the model's own errors: which outcome is shown, and the scores in words."""

import pandas as pd

from semdim.results.read import ProbeResults

TOP1 = "top1_error"
OUTCOMES = {TOP1: "top-1 error", "nll": "loss (bits)", "loss": "smoothed loss (bits)"}
SHOWN = (
    "n_active", "n_active_adjusted", "unexplained_share", "one_minus_max_prob", "entropy",
    "unigram_nll", "controls_and_k", "oracle",
)  # fmt: skip
"""Scores that figures show, in this order."""
WORDS = {
    "n_active": "k",
    "n_active_adjusted": "k adjusted",
    "unexplained_share": "unexplained share",
    "activation_norm": "activation norm",
    "mahalanobis": "Mahalanobis",
    "relative_mahalanobis": "relative Mahalanobis",
    "knn_distance": "kNN distance",
    "one_minus_max_prob": "one minus the largest probability",
    "entropy": "entropy",
    "energy": "energy",
    "unigram_nll": "token frequency",
    "code_norm": "code norm",
    "position": "position",
    "controls": "position, frequency, entropy (fitted)",
    "controls_and_k": "these and k (fitted)",
    "oracle": "best order",
}
COLOURS = {
    "n_active": "#AA3377",
    "n_active_adjusted": "#CC6677",
    "unexplained_share": "#98CDA2",
    "one_minus_max_prob": "#66CCEE",
    "entropy": "#4477AA",
    "unigram_nll": "#EE7733",
    "controls_and_k": "#004488",
    "oracle": "#222222",
}


def error_words(score: str, direction: str = "expected") -> str:
    """A score in words; the reversed one as fewer of it."""
    words = WORDS.get(score, score.replace("_", " "))
    return f"−{words}" if direction == "reversed" else words


def main_outcome(table: pd.DataFrame) -> str:
    """The top-1 error where it was measured, else the loss."""
    found = list(dict.fromkeys(table["outcome"]))
    return TOP1 if TOP1 in found else str(found[0])


def main_errors(probe: ProbeResults) -> pd.DataFrame:
    """errors.csv of the main outcome."""
    table = probe.table("errors")
    return table[table["outcome"] == main_outcome(table)] if len(table) else table


def best_direction(table: pd.DataFrame) -> pd.DataFrame:
    """One row per score: reversed where the documents of the fit show that."""
    is_turned = set(table.loc[table["direction"] == "reversed", "score"])
    turned = table["score"].isin(is_turned) & (table["direction"] == "expected")
    return table[~turned]
