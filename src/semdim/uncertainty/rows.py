"""The ledger as the uncertainty study reads it: checked, ordered, and split by document.

Position 0 and every other BOS token are kept apart from the scores (``semdim.tokens.positions``).
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped

from semdim.errors import DataError
from semdim.ledger.rows import Mapped, Rows, RowStream, mapped
from semdim.tokens.positions import counted

KEYS = ("document", "sequence", "position", "token_id", "is_bos", "is_outlier", "n_active")


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random stream for each purpose of its own: adding a corpus moves no other number."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


@overload
def check_tokens(
    ledger: pd.DataFrame, corpus: str, columns: Iterable[str] = ()
) -> pd.DataFrame: ...
@overload
def check_tokens(ledger: RowStream, corpus: str, columns: Iterable[str] = ...) -> RowStream: ...
@overload
def check_tokens(ledger: Rows, corpus: str, columns: Iterable[str] = ...) -> Rows: ...
def check_tokens(ledger: Rows, corpus: str, columns: Iterable[str] = ()) -> Rows:
    """The ledger of one corpus ordered by sequence and position, with a column ``is_last``.

    Args:
        ledger: a row per token position. A stream must have this order already; it is read once.
        corpus: its name, for messages.
        columns: columns needed beside the keys.

    Raises ``DataError`` for missing columns, no rows, missing or negative n_active, a sequence
    whose positions are not 0, 1, 2, … once each, or one that spans two documents.
    """
    needed = sorted({*KEYS, *columns})
    missing = [column for column in needed if column not in ledger.columns]
    if missing:
        raise DataError(
            f"The ledger of {corpus!r} lacks the columns {', '.join(missing)}; "
            "run compute_losses for this corpus again."
        )
    if not isinstance(ledger, RowStream):
        return _checked(ledger, corpus, needed)
    sequences = []
    for rows in ledger.stretches(KEYS):
        sequence = _checked(rows, corpus, list(KEYS))["sequence"].to_numpy()
        sequences.append(sequence[sequence_starts(sequence)])
    if not sequences:
        raise DataError(f"The ledger of {corpus!r} has no rows; the corpus needs at least one.")
    every = np.concatenate(sequences)
    if (every[1:] <= every[:-1]).any():
        raise DataError(
            f"The ledger of {corpus!r} is too large to be sorted, and its sequences are not in "
            "order; write it again with `dvc repro --force`."
        )
    return Mapped(ledger, _with_is_last, ("sequence",), ("is_last",))


def _checked(ledger: pd.DataFrame, corpus: str, needed: list[str]) -> pd.DataFrame:
    """`check_tokens` of rows in memory."""
    if ledger.empty:
        raise DataError(f"The ledger of {corpus!r} has no rows; the corpus needs at least one.")
    empty = [key for key in KEYS if ledger[key].isna().any()]
    if empty:
        raise DataError(f"The ledger of {corpus!r} has missing values in {', '.join(empty)}.")
    if (ledger["n_active"] < 0).any():
        raise DataError(f"The ledger of {corpus!r} has a negative n_active; counts start at 0.")
    tokens = ledger[needed].sort_values(["sequence", "position"], ignore_index=True)
    if (tokens["position"] != tokens.groupby("sequence").cumcount()).any():
        raise DataError(
            f"The ledger of {corpus!r} has a sequence whose positions are not 0, 1, 2, … once "
            "each; sequence numbers must be unique within a corpus and no row may be left out."
        )
    if (tokens.groupby("sequence")["document"].nunique() > 1).any():
        raise DataError(f"The ledger of {corpus!r} has a sequence that spans several documents.")
    return _with_is_last(tokens)


def _with_is_last(tokens: pd.DataFrame) -> pd.DataFrame:
    sequence = tokens["sequence"].to_numpy()
    return tokens.assign(is_last=np.append(sequence[1:] != sequence[:-1], True))


def counted_rows(tokens: Rows) -> Rows:
    """The rows that count (`semdim.tokens.positions`)."""
    return mapped(tokens, counted, ("is_bos", "position"))


@dataclass(frozen=True)
class DocumentSplit:
    """Two disjoint sets of ID documents."""

    fit: Int[np.ndarray, " fit_documents"]
    """Documents on which anything may be fitted or calibrated."""
    evaluation: Int[np.ndarray, " evaluation_documents"]
    """Documents that enter the reported rates, and nothing else."""


def split_documents(
    document: Int[np.ndarray, " rows"], fit_share: float, rng: np.random.Generator
) -> DocumentSplit:
    """Split the distinct documents at random; all rows of a document fall on one side.

    Raises ``DataError`` when there are fewer than two documents.
    """
    distinct = np.unique(document)
    if len(distinct) < 2:
        raise DataError(
            f"The ID corpus has {len(distinct)} document(s) with tokens; at least 2 are needed, "
            "one to fit on and another to evaluate on."
        )
    n_fit = min(max(round(fit_share * len(distinct)), 1), len(distinct) - 1)
    shuffled = rng.permutation(distinct)
    return DocumentSplit(fit=np.sort(shuffled[:n_fit]), evaluation=np.sort(shuffled[n_fit:]))


def fit_split(document: Int[np.ndarray, " rows"], fit_share: float, seed: int) -> DocumentSplit:
    """The study's own split of the ID documents: the one on which every score is fitted."""
    return split_documents(document, fit_share, generator(seed, "split"))


def check_fit_documents(fitted: Sequence[int] | None, split: DocumentSplit) -> None:
    """Refuse scores that were fitted on other documents than this study sets aside for it.

    Raises ``DataError``: rates would be measured on text that a score has seen.
    """
    if fitted is None or not np.array_equal(np.sort(np.asarray(fitted)), split.fit):
        raise DataError(
            "The scores from activations were fitted on other documents than this study sets "
            "aside for fitting (uncertainty.fit_share, seed), so it would test them on text they "
            "have seen; run `dvc repro`, which fits them again."
        )


@overload
def of_documents(
    tokens: pd.DataFrame, documents: Int[np.ndarray, " documents"]
) -> pd.DataFrame: ...
@overload
def of_documents(tokens: RowStream, documents: np.ndarray) -> RowStream: ...
@overload
def of_documents(tokens: Rows, documents: np.ndarray) -> Rows: ...
def of_documents(tokens: Rows, documents: Int[np.ndarray, " documents"]) -> Rows:
    """The rows of these documents."""

    def own(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[np.isin(rows["document"].to_numpy(), documents)]

    return mapped(tokens, own, ("document",))


def origins(
    document: Int[np.ndarray, " items"], names: Sequence[str], id_names: Sequence[str], corpus: str
) -> Int[np.ndarray, " items"]:
    """For each item's document the ID document of the same name, or −1.

    A near shift is made from ID documents, under their names. A score that was fitted on a document
    must not be tested on its distorted copy, so copies of fit documents are left out of evaluation.
    Raises ``DataError`` when a document has no name, or the name of several ID documents.
    """
    if document.size and document.max() >= len(names):
        raise DataError(
            f"Corpus {corpus!r} has a document numbered {document.max()} but {len(names)} document "
            "names; names and ledger belong to different samples."
        )
    times = Counter(id_names)
    if unclear := [name for name in names if times[name] > 1]:
        raise DataError(
            f"Document {unclear[0]!r} of corpus {corpus!r} has the name of {times[unclear[0]]} ID "
            "documents, so it is unclear of which one it is a copy; names must be unique."
        )
    index = {name: number for number, name in enumerate(id_names)}
    return np.array([index.get(name, -1) for name in names], dtype=np.int64)[document]


def with_origin(
    tokens: Rows, documents: Int[np.ndarray, " docs"], origin: Int[np.ndarray, " docs"]
) -> Rows:
    """The rows with a column ``origin``: that of their document.

    documents: ascending; origin: of each.
    """

    def known(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(origin=origin[np.searchsorted(documents, rows["document"].to_numpy())])

    return mapped(tokens, known, ("document",), ("origin",))


@overload
def held_out(
    tokens: pd.DataFrame, fit_documents: Int[np.ndarray, " documents"]
) -> pd.DataFrame: ...
@overload
def held_out(tokens: RowStream, fit_documents: np.ndarray) -> RowStream: ...
@overload
def held_out(tokens: Rows, fit_documents: np.ndarray) -> Rows: ...
def held_out(tokens: Rows, fit_documents: Int[np.ndarray, " documents"]) -> Rows:
    """The rows of a shift that are not made from a fit document (column ``origin``)."""

    def apart(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[~np.isin(rows["origin"].to_numpy(), fit_documents)]

    return mapped(tokens, apart, ("origin",))


def sequence_starts(sequence: Shaped[np.ndarray, " rows"]) -> Int[np.ndarray, " sequences"]:
    """Index of the first row of each sequence, for rows that are ordered by sequence."""
    return np.flatnonzero(np.append(True, sequence[1:] != sequence[:-1]))
