"""Writing a ledger: its rows part by part, the facts at the end, all of it or nothing."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from semdim.errors import ArtifactError
from semdim.ledger.facts import SCHEMA_VERSION, LedgerFacts
from semdim.ledger.parts import PART_ROWS, in_place, on_the_disk, part_name, write_footer

METADATA_KEY = b"semdim"
"""Under which the facts stand in the metadata of a file."""
Facts = LedgerFacts | Mapping[str, Any]


def metadata_of(facts: Facts) -> dict[bytes, bytes]:
    """Facts as the metadata of a file hold them."""
    if isinstance(facts, LedgerFacts):
        return {METADATA_KEY: facts.to_json().encode()}
    text = json.dumps({"schema_version": SCHEMA_VERSION, **facts}, sort_keys=True)
    return {METADATA_KEY: text.encode()}


class LedgerWriter:
    """A ledger written part by part, so that it is never in memory as a whole.

    It appears under ``path`` when ``finish`` has written the facts, or not at all: one file, or a
    folder of parts where there are more rows than a part takes (`semdim.ledger.parts`).

    Args:
        path: of the ledger.
        rows: rows that are gathered before they are written as one row group.
        part_rows: rows after which a part is full.
    """

    def __init__(self, path: Path, *, rows: int = 2**16, part_rows: int = PART_ROWS) -> None:
        self.path = path
        self.n_rows = 0
        self._rows, self._part_rows = rows, part_rows
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        self._schema: pa.Schema | None = None
        self._n_parts, self._rows_of_part = 0, 0
        self._temporary = path.with_name(f".{path.name}.tmp")
        if self._temporary.is_dir():
            shutil.rmtree(self._temporary)
        self._temporary.unlink(missing_ok=True)
        self._temporary.mkdir(parents=True)

    def append(self, part: pa.Table) -> None:
        """Take the next rows: what `build_table` makes without facts."""
        self._waiting.append(part)
        if sum(table.num_rows for table in self._waiting) >= self._rows:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        if self._writer is not None and self._rows_of_part >= self._part_rows:
            self._close_part()
        if self._writer is None:
            # Without its own copy of the schema the file takes facts that come last.
            self._schema = table.schema
            self._writer = pq.ParquetWriter(
                self._temporary / part_name(self._n_parts),
                table.schema,
                compression="zstd",
                store_schema=False,
            )
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.n_rows += table.num_rows
        self._rows_of_part += table.num_rows

    def _close_part(self) -> None:
        assert self._writer is not None
        self._writer.close()
        on_the_disk(self._temporary / part_name(self._n_parts))
        self._writer, self._rows_of_part = None, 0
        self._n_parts += 1

    def finish(self, facts: Facts) -> None:
        """Write what waits and the facts, and put the file or folder in its place.

        Raises:
            ArtifactError: there are no rows.
        """
        self._write()
        if self._writer is None or self._schema is None:
            raise ArtifactError(f"The ledger {self.path} has no rows; the sample holds no tokens.")
        if self._n_parts == 0:
            self._writer.add_key_value_metadata(metadata_of(facts))
            self._close_part()
            in_place(self._temporary / part_name(0), self.path)
            self._temporary.rmdir()
            return
        self._close_part()
        write_footer(self._temporary, self._schema, metadata_of(facts), self._n_parts)
        in_place(self._temporary, self.path)


def write_ledger(table: pa.Table, path: Path) -> None:
    """Write the table, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    in_place(temporary, path)
