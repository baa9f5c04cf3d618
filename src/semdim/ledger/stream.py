"""A ledger that is read a stretch at a time, so that its size is no matter of memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from semdim.errors import ArtifactError
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.further import KEYS, merged
from semdim.ledger.parts import n_rows_of, parts_of, schema_of
from semdim.ledger.table import check_columns, read_facts
from semdim.reading import reading

if TYPE_CHECKING:
    import pandas as pd

STRETCH_ROWS = 2**16
"""Rows of a stretch, at most (one sequence, if that is longer)."""


class LedgerStream:
    """The rows of a ledger, further columns joined, none of them in memory.

    Args:
        path: of the ledger.
        further: of a table of the same rows, whose columns and proxies are put beside.
        rows: of a stretch, at most.
        is_ledger: whether ``further`` is a ledger, too, of the same facts; a table of scores is
            not.

    Raises:
        ArtifactError: a file is missing or damaged, or the two are of different samples.
    """

    def __init__(
        self,
        path: Path,
        further: Path | None = None,
        *,
        rows: int = STRETCH_ROWS,
        is_ledger: bool = True,
    ) -> None:
        self.path, self.further = path, further
        self.facts: LedgerFacts = read_facts(path)
        own = schema_of(path).names
        others: list[str] = []
        if further is not None:
            self._where = f"{further} and {path}"
            if is_ledger:
                self.facts = merged(self.facts, read_facts(further), self._where)
            others = [name for name in schema_of(further).names if name not in own]
        self.columns = (*own, *others)
        self._own, self._others = frozenset(own), frozenset(others)
        self.context = self.facts.context
        self._rows = max(rows // self.context, 1) * self.context
        self._is_ledger = is_ledger
        self._last: int | None = None
        self._are_same_rows = False

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        """Rows of the whole ledger."""
        return n_rows_of(self.path)

    def up_to(self, sequence: int) -> "LedgerStream":
        """The rows of the sequences up to this one, with it."""
        found = LedgerStream(self.path, self.further, rows=self._rows, is_ledger=self._is_ledger)
        found._last, found._are_same_rows = sequence, self._are_same_rows
        return found

    def stretches(self, columns: Sequence[str]) -> "Iterator[pd.DataFrame]":
        """Frames of these columns, of whole sequences, in the order of the ledger.

        Raises:
            ArtifactError: a column is missing, a file is damaged, or the further table is not of
                the same rows.
        """
        check_columns(self.path, list(columns), list(self.columns))
        wanted = list(dict.fromkeys(columns))
        extra = [] if self._last is None or "sequence" in wanted else ["sequence"]
        for table in self._tables([*wanted, *extra]):
            frame = table.to_pandas()
            if self._last is None:
                yield frame
                continue
            kept = frame["sequence"].to_numpy() <= self._last
            if kept.any():
                yield frame[wanted] if kept.all() else frame.loc[kept, wanted]
            if not kept.all():
                return

    def _tables(self, columns: list[str]) -> Iterator[pa.Table]:
        own = [name for name in columns if name in self._own]
        others = [name for name in columns if name in self._others]
        if not others or self.further is None:
            yield from _tables(self.path, own, self._rows)
            return
        self._check_same_rows()
        of_further = _tables(self.further, others, self._rows)
        if not own:
            yield from of_further
            return
        for one, other in zip(_tables(self.path, own, self._rows), of_further, strict=True):
            for name in others:
                one = one.append_column(name, other[name])
            yield one.select(columns)

    def _check_same_rows(self) -> None:
        """Once: that the two tables are of the same rows, in the same order."""
        if self._are_same_rows or self.further is None:
            return
        same = n_rows_of(self.path) == n_rows_of(self.further)
        pairs = (_tables(path, list(KEYS), self._rows) for path in (self.path, self.further))
        if not same or not all(one.equals(other) for one, other in zip(*pairs, strict=True)):
            raise ArtifactError(
                f"{self._where} are not of the same rows; recompute both with `dvc repro --force`."
            )
        self._are_same_rows = True


def _tables(path: Path, columns: list[str], rows: int) -> Iterator[pa.Table]:
    """Tables of exactly ``rows`` rows, but for the last."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in _batches(path, columns):
        while n_waiting + batch.num_rows >= rows:
            taken = rows - n_waiting
            yield pa.Table.from_batches([*waiting, batch.slice(0, taken)])
            batch = batch.slice(taken)
            waiting, n_waiting = [], 0
        if batch.num_rows:
            waiting.append(batch)
            n_waiting += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting)


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Row group by row group: Arrow's own iterator reads hundreds of megabytes ahead."""
    for part in parts_of(path):
        with reading(part, "a table of Parquet"):
            file = pq.ParquetFile(part)
        with file:
            for index in range(file.num_row_groups):
                with reading(part, "a table of Parquet"):
                    batches = file.read_row_group(index, columns=columns).to_batches()
                yield from batches
