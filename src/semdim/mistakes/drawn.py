"""Which documents the study of errors is made of, where a ledger has more than fit in memory.

Every number of the study ranks single tokens, and needs all of them at once. Beyond a stated number
of tokens it is therefore made of whole documents, drawn at random: of exchangeable documents they
are a sample like any other, so that intervals and certificates stay what they are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from semdim.ledger.rows import Rows, rows_by_document, stretches
from semdim.uncertainty.rows import of_documents


def drawn_documents(
    n_tokens: Counter[int],
    documents: Int[np.ndarray, " documents"],
    most: int | float,
    rng: np.random.Generator,
) -> Int[np.ndarray, " drawn"]:
    """Some of the documents, with at most this many tokens together; ascending.

    At least one is drawn, whatever its length. Documents that all fit are all given, and nothing is
    drawn of ``rng``.
    """
    length = np.array([n_tokens[number] for number in documents.tolist()])
    if length.sum() <= most:
        return np.sort(documents)
    order = rng.permutation(len(documents))
    n_drawn = int(np.searchsorted(np.cumsum(length[order]), most, side="right"))
    return np.sort(documents[order[: max(n_drawn, 1)]])


@dataclass(frozen=True)
class Sample:
    """Rows of whole documents, in memory."""

    rows: pd.DataFrame
    """In the order of the ledger."""
    n_documents: int
    """Documents that they are of."""
    of_documents: int
    """Documents that there are."""
    of_tokens: int
    """Rows that there are."""

    def note(self, corpus: str, setting: str) -> str | None:
        """A sentence on what was drawn; None where that is everything."""
        if self.n_documents == self.of_documents:
            return None
        return (
            f"Corpus {corpus!r} has {self.of_tokens:,} tokens of {self.of_documents:,} documents, "
            f"more than {setting}: this study uses {len(self.rows):,} tokens of "
            f"{self.n_documents:,} documents, drawn at random."
        )


def sampled(
    tokens: Rows,
    columns: Iterable[str],
    most: int,
    rng: np.random.Generator,
    groups: Sequence[Int[np.ndarray, " _"]] = (),
) -> Sample:
    """All rows, or those of documents that are drawn.

    Args:
        tokens: ordered rows; a stream is read twice, and never in memory as a whole.
        columns: those that are read.
        most: rows, at most, unless single documents have more.
        rng: draws the documents.
        groups: disjoint sets of documents, each of which takes its share of the rows; all others
            are left out. Without groups all documents are one.
    """
    n_tokens = rows_by_document(tokens)
    if not groups:
        groups = (np.array(sorted(n_tokens), dtype=np.int64),)
    size = [sum(n_tokens[number] for number in group.tolist()) for group in groups]
    chosen = np.concatenate(
        [
            drawn_documents(n_tokens, group, most * own / sum(size), rng)
            for group, own in zip(groups, size, strict=True)
        ]
    )
    wanted = list(dict.fromkeys(columns))
    parts = [rows[wanted] for rows in stretches(of_documents(tokens, chosen), wanted)]
    n_documents = sum(len(group) for group in groups)
    return Sample(pd.concat(parts, ignore_index=True), len(chosen), n_documents, sum(size))
