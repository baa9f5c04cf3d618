"""The tokens of a ledger that predict another one, with their scores and what they got wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.failures import attempt
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
    failed: Mapping[str, str]
    """Scores whose code fails or whose values are not finite, with the reason."""


def label_free() -> tuple[Score, ...]:
    """Registered scores that do not look at the next token, in the order of tables."""
    return in_order(score for score in SCORES.values() if not score.uses_labels)


def columns_read() -> set[str]:
    """Columns of the ledger that the study reads, where they are there, beside the keys."""
    found = {name for score in label_free() for name in score.reads} | set(FURTHER)
    return found | {"nll_model", "entropy", "max_prob", TOP1}


def study_items(ledger: pd.DataFrame, split: DocumentSplit, vocab_size: int, corpus: str) -> Study:
    """The tokens of both halves of a corpus: every score is fitted on ``split.fit`` alone.

    Args:
        ledger: a row per token position, scores from activations joined.
        split: documents to fit on, and documents to report.
        vocab_size: of the model.
        corpus: its name, for messages.

    A score whose code fails, or whose values are not finite, is left out and named.

    Raises:
        DataError: the ledger lacks a column that nothing can do without, or a half has no token,
            or there is no k.
    """
    missing = missing_columns(label_free(), {corpus: ledger})
    scores = [score for score in label_free() if score.name not in missing]
    further = [name for name in FURTHER if name in ledger]
    columns = {name for score in scores for name in score.reads} | set(further)
    columns |= {"nll_model", "entropy", "max_prob"}
    columns |= {TOP1} if TOP1 in ledger else set()
    tokens = counted(check_tokens(ledger, corpus, columns))
    fit_rows = of_documents(tokens, split.fit)
    bits = unigram_fit(fit_rows, vocab_size)
    halves = [
        predicting(of_documents(tokens, half), corpus) for half in (split.evaluation, split.fit)
    ]
    found, failed = _score_values(scores, fit_rows, halves, vocab_size, corpus)
    if "n_active" in failed:
        raise DataError(f"There is no study of errors without n_active: {failed['n_active']}")
    evaluation, fit = (
        _items(rows, {name: values[half] for name, values in found.items()}, further, bits, corpus)
        for half, rows in enumerate(halves)
    )
    if not all(TOP1 in items.outcomes for items in (fit, evaluation)):
        fit, evaluation = (
            replace(items, outcomes={NLL: items.outcomes[NLL]}) for items in (fit, evaluation)
        )
    return Study(fit, evaluation, missing, failed)


def predicting(tokens: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """The tokens that predict another one, numbered anew; ``DataError`` where there is none."""
    rows = tokens[~tokens["is_last"].to_numpy(dtype=bool)].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"Corpus {corpus!r} has no token that predicts another; give longer texts.")
    return rows


def _score_values(
    scores: Sequence[Score],
    fit_rows: pd.DataFrame,
    halves: Sequence[pd.DataFrame],
    vocab_size: int,
    corpus: str,
) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    """Values of each score on each half, and why others have none."""

    def values(score: Score) -> list[np.ndarray]:
        fitted = score.fitted(fit_rows, vocab_size)
        found = [score.value(rows, fitted) for rows in halves]
        for half in found:
            _check_finite(score.name, half, corpus)
        return found

    tried = {score.name: attempt(values, score) for score in scores}
    failed = {name: reason for name, (_, reason) in tried.items() if reason}
    return {name: half for name, (half, _) in tried.items() if half is not None}, failed


def _check_finite(name: str, values: np.ndarray, corpus: str) -> None:
    n_wrong = int((~np.isfinite(values)).sum())
    if n_wrong:
        raise DataError(
            f"{n_wrong} of {len(values)} values of {name!r} on corpus {corpus!r} are missing or "
            "not finite; recompute that ledger."
        )


def _items(
    rows: pd.DataFrame,
    scores: Mapping[str, np.ndarray],
    further: list[str],
    bits: np.ndarray,
    corpus: str,
) -> Items:
    values = {**scores, **{name: rows[name].to_numpy(dtype=np.float64) for name in further}}
    outcomes = {NLL: rows["nll_model"].to_numpy(dtype=np.float64)}
    if TOP1 in rows and 0 < rows[TOP1].mean() < 1:
        outcomes = {TOP1: rows[TOP1].to_numpy(dtype=np.float64), **outcomes}
    for name, found in (*values.items(), *outcomes.items()):
        _check_finite(name, found, corpus)
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
