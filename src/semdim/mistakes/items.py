"""The tokens of a ledger that predict another one, with their scores and what they got wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.tokens.positions import counted
from semdim.uncertainty.rows import DocumentSplit, check_tokens, of_documents
from semdim.uncertainty.score import SCORES, Score, in_order, missing_columns
from semdim.uncertainty.scores.unigram_nll import fit as unigram_fit
from semdim.uncertainty.scores.unigram_nll import value as unigram_value

TOP1, NLL = "top1_error", "nll"
FURTHER = {
    "code_norm": "‖c‖: length of the SAE's code",
    "position": "position in the sequence",
}
"""Columns that are scores here and nowhere else, with their meaning."""
CONTROLS = ("position", "unigram_nll", "entropy")
"""What an association is freed of: a score is freed of the others, where it is one of them."""


@dataclass(frozen=True)
class Items:
    """Tokens of some documents."""

    document: Int[np.ndarray, " items"]
    """Number of the document of each, 0 … n−1."""
    scores: Mapping[str, Float[np.ndarray, " items"]]
    """By name, higher = expected to be wrong more often."""
    outcomes: Mapping[str, Float[np.ndarray, " items"]]
    """``top1_error``, 0 or 1, where the ledger has it and it varies, and ``nll``, bits, not
    smoothed."""
    controls: Mapping[str, Float[np.ndarray, " items"]]
    """Position, −log2 frequency of the token, entropy of the prediction (`CONTROLS`)."""
    rows: pd.DataFrame
    """Their rows of the ledger."""

    @property
    def n_documents(self) -> int:
        """Documents."""
        return int(self.document.max()) + 1


@dataclass(frozen=True)
class Study:
    """Tokens that are fitted on, and tokens that are reported."""

    fit: Items
    evaluation: Items
    missing: Mapping[str, tuple[str, ...]]
    """Scores that cannot be computed, with the columns that the ledger lacks."""


def label_free() -> tuple[Score, ...]:
    """Registered scores that do not look at the next token, in the order of tables."""
    return in_order(score for score in SCORES.values() if not score.uses_labels)


def study_items(ledger: pd.DataFrame, split: DocumentSplit, vocab_size: int, corpus: str) -> Study:
    """The tokens of both halves of a corpus: every score is fitted on ``split.fit`` alone.

    Args:
        ledger: a row per token position, scores from activations joined.
        split: documents to fit on, and documents to report.
        vocab_size: of the model.
        corpus: its name, for messages.

    Raises:
        DataError: the ledger lacks a column that nothing can do without, or a half has no token.
    """
    missing = missing_columns(label_free(), {corpus: ledger})
    scores = [score for score in label_free() if score.name not in missing]
    further = [name for name in FURTHER if name in ledger]
    columns = {name for score in scores for name in score.reads} | set(further)
    columns |= {"nll_model", "entropy", "max_prob"}
    columns |= {TOP1} if TOP1 in ledger else set()
    tokens = counted(check_tokens(ledger, corpus, columns))
    fit_rows = of_documents(tokens, split.fit)
    fitted = {score.name: score.fitted(fit_rows, vocab_size) for score in scores}
    bits = unigram_fit(fit_rows, vocab_size)
    evaluation, fit = (
        _items(of_documents(tokens, documents), scores, further, fitted, bits, corpus)
        for documents in (split.evaluation, split.fit)
    )
    if not all(TOP1 in items.outcomes for items in (fit, evaluation)):
        fit, evaluation = (
            replace(items, outcomes={NLL: items.outcomes[NLL]}) for items in (fit, evaluation)
        )
    return Study(fit, evaluation, missing)


def _items(
    rows: pd.DataFrame,
    scores: list[Score],
    further: list[str],
    fitted: Mapping[str, Any],
    bits: np.ndarray,
    corpus: str,
) -> Items:
    rows = rows[~rows["is_last"].to_numpy(dtype=bool)].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"Corpus {corpus!r} has no token that predicts another; give longer texts.")
    values = {score.name: score.value(rows, fitted[score.name]) for score in scores}
    values |= {name: rows[name].to_numpy(dtype=np.float64) for name in further}
    outcomes = {NLL: rows["nll_model"].to_numpy(dtype=np.float64)}
    if TOP1 in rows and 0 < rows[TOP1].mean() < 1:
        outcomes = {TOP1: rows[TOP1].to_numpy(dtype=np.float64), **outcomes}
    for name, found in (*values.items(), *outcomes.items()):
        if not np.isfinite(found).all():
            n_wrong = int((~np.isfinite(found)).sum())
            raise DataError(
                f"{n_wrong} of {len(found)} values of {name!r} on corpus {corpus!r} are missing or "
                "not finite; recompute that ledger."
            )
    return Items(
        document=np.unique(rows["document"].to_numpy(), return_inverse=True)[1].astype(np.int64),
        scores=values,
        outcomes=outcomes,
        controls={
            "position": rows["position"].to_numpy(dtype=np.float64),
            "unigram_nll": unigram_value(rows, bits),
            "entropy": rows["entropy"].to_numpy(dtype=np.float64),
        },
        rows=rows,
    )
