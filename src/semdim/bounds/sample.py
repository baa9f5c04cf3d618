"""A sample as families read it: its first N tokens in order, and whole documents.

Certificates are about documents, each with its first W windows (`semdim.bounds.windows` has the
argument). The paper's own families count tokens, and read whatever sequences the first N hold.
"""

from dataclasses import dataclass, replace

import numpy as np

from semdim.bounds.aggregate import SequenceTable, in_order
from semdim.bounds.family import BoundFacts
from semdim.bounds.spec import BoundSpec
from semdim.bounds.windows import Windows, checked_windows, n_documents_at, rounds

LEAST_DOCUMENTS = 2
"""Fewer have no variance: a family about documents is then left out."""


@dataclass(frozen=True)
class Sample:
    """Two tables of one sample, both in its order."""

    sequences: SequenceTable
    """All sequences."""
    documents: SequenceTable
    """The first W windows of every document; W is in its `windows`."""

    @classmethod
    def of(cls, table: SequenceTable, wanted: int | None, *, is_uncut: bool = False) -> "Sample":
        """Both tables of a whole sample.

        Args:
            table: all sequences of the sample.
            wanted: W; None: the number of complete rounds.
            is_uncut: whether it is known that no document has a window that the sample lacks.

        Raises:
            DataError: the sample does not hold W windows of every document that has them.
        """
        n_windows = checked_windows(table.document, wanted, is_uncut=is_uncut)
        is_set = wanted is not None or is_uncut
        windows = Windows(table.context, table.has_bos, n_windows, is_set)
        whole = table.take(rounds(table.document) < n_windows)
        n_tokens = table.n_sequences * table.context
        return cls(
            replace(table, n_tokens_asked=n_tokens),
            replace(whole, windows=windows, n_tokens_asked=n_tokens),
        )

    def at(self, n_tokens: int) -> "Sample":
        """Both tables at N = n_tokens. The one of documents can be empty at a very small N.

        Raises:
            DataError: the sample has fewer tokens, or n_tokens does not fill one sequence.
        """
        sequences = self.sequences.first(n_tokens)
        documents, owner = in_order(self.documents.document)
        kept = n_documents_at(len(documents), self.sequences.n_sequences, sequences.n_sequences)
        part = self.documents.take(owner < kept)
        return Sample(sequences, replace(part, n_tokens_asked=sequences.n_tokens_asked))

    @property
    def n_documents(self) -> int:
        """Documents that count with all of their first W windows."""
        return len(np.unique(self.documents.document))


def sample_of(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Sample:
    """`Sample.of` with the windows that the settings ask for, and what the ledger knows of its end.

    Raises:
        DataError: the sample does not hold W windows of every document that has them.
    """
    is_uncut = facts.n_sequences_uncut == table.n_sequences
    return Sample.of(table, spec.windows_per_document, is_uncut=is_uncut)
