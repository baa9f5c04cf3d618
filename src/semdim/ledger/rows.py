"""How aggregates are given a ledger's rows: a data frame, or a stream that is read bit by bit.

`stretches` gives both as frames of whole sequences, in the order of the sample. A number that
depends on one sequence alone (nearly all of them do) is then the same to the last bit, however the
rows are cut.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union, runtime_checkable

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
