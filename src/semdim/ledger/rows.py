"""How aggregates are given a ledger's rows: a data frame, or a stream that is read bit by bit.

`stretches` gives both as frames of whole sequences, in the order of the sample. A number that
depends on one sequence alone (nearly all of them do) is then the same to the last bit, however the
rows are cut.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

EXACT_ROWS = 2**21
"""Where a number needs all values of a column at once (the rounding of a float32 mean, a rank among
all tokens), it is computed from them as long as they are no more than this; beyond, each place says
what it does instead."""


@runtime_checkable
class RowStream(Protocol):
    """Rows that are not in memory (`semdim.ledger.stream.LedgerStream`)."""

    columns: tuple[str, ...]
    """Names of all columns."""
    context: int
    """T: rows of a sequence."""

    def __len__(self) -> int: ...

    def stretches(self, columns: Sequence[str]) -> "Iterator[pd.DataFrame]":
        """Frames of these columns, of whole sequences, in the order of the ledger."""
        ...

    def up_to(self, sequence: int) -> "RowStream":
        """The rows of the sequences up to this one, with it."""
        ...


Rows: TypeAlias = Union["pd.DataFrame", RowStream]
"""A ledger's rows."""


def stretches(ledger: Rows, columns: Sequence[str]) -> "Iterator[pd.DataFrame]":
    """The rows of whole sequences in order: of a data frame all at once, of a stream bit by bit.

    Args:
        ledger: the rows.
        columns: those that are read; a data frame is given with all that it has.
    """
    if isinstance(ledger, RowStream):
        return ledger.stretches(columns)
    return iter((ledger,))


def up_to(ledger: Rows, sequence: int) -> Rows:
    """The rows of the sequences up to this one, with it."""
    if isinstance(ledger, RowStream):
        return ledger.up_to(sequence)
    return ledger[ledger["sequence"] <= sequence]


class Mapped:
    """Rows of which each stretch is changed as it is read; empty ones are left out.

    Args:
        source: the rows that are read.
        change: what makes of a stretch the one that is given.
        reads: columns that ``change`` looks at.
        adds: columns that it makes.
    """

    def __init__(
        self,
        source: RowStream,
        change: "Callable[[pd.DataFrame], pd.DataFrame]",
        reads: Sequence[str],
        adds: Sequence[str] = (),
    ) -> None:
        self._source, self._change = source, change
        self._reads, self._adds = tuple(reads), frozenset(adds)
        self.columns = tuple(dict.fromkeys((*source.columns, *adds)))
        self.context = source.context

    def __len__(self) -> int:
        """Rows of the source: these are no more."""
        return len(self._source)

    def stretches(self, columns: Sequence[str]) -> "Iterator[pd.DataFrame]":
        """Frames of these columns, and of those that were needed for them."""
        wanted = [name for name in columns if name not in self._adds]
        for rows in self._source.stretches(list(dict.fromkeys((*wanted, *self._reads)))):
            found = self._change(rows)
            if len(found):
                yield found

    def up_to(self, sequence: int) -> "Mapped":
        """The rows of the sequences up to this one, with it."""
        source = self._source.up_to(sequence)
        return Mapped(source, self._change, self._reads, tuple(self._adds))


def mapped(
    ledger: Rows,
    change: "Callable[[pd.DataFrame], pd.DataFrame]",
    reads: Sequence[str],
    adds: Sequence[str] = (),
) -> Rows:
    """What ``change`` makes of the rows; arguments as those of `Mapped`."""
    if isinstance(ledger, RowStream):
        return Mapped(ledger, change, reads, adds)
    return change(ledger)


def context_of(ledger: Rows) -> int:
    """T: rows of the longest sequence."""
    if isinstance(ledger, RowStream):
        return ledger.context
    return int(ledger["position"].max()) + 1


def is_empty(ledger: Rows) -> bool:
    """Whether there is no row."""
    return all(not len(rows) for rows in stretches(ledger, ("position",)))


def documents_of(ledger: Rows) -> np.ndarray:
    """The numbers of the documents that have rows, ascending."""
    found = [np.unique(rows["document"].to_numpy()) for rows in stretches(ledger, ("document",))]
    return np.unique(np.concatenate(found)) if found else np.array([], dtype=np.int64)


def rows_by_document(ledger: Rows) -> Counter[int]:
    """Rows of each document, by its number."""
    found: Counter[int] = Counter()
    for rows in stretches(ledger, ("document",)):
        numbers, counts = np.unique(rows["document"].to_numpy(), return_counts=True)
        found.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    return found


def first_documents(ledger: Rows, most: int) -> int | None:
    """The last of the documents, by their numbers, that have about ``most`` rows together; None:
    all have no more."""
    if len(ledger) <= most:
        return None
    n_rows = rows_by_document(ledger)
    numbers = np.array(sorted(n_rows))
    sums = np.cumsum([n_rows[number] for number in numbers])
    if sums[-1] <= most:
        return None
    return int(numbers[max(int(np.searchsorted(sums, most, side="right")) - 1, 0)])
