"""Parquet tables, a document per row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from semdim.errors import DataError
from semdim.fields import setting
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.kind import KINDS
from semdim.text.rows import ColumnCheck, RowsSpec, check_columns, columns_of, needs, row_document

SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True, kw_only=True)
class ParquetCorpus(RowsSpec):
    """Parquet files, read in small batches of the columns needed alone."""

    kind: Literal["parquet"] = "parquet"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per row of every file, named ``<file>:<row>``."""
        found = rows(self.path, columns_of(self), counts, lambda *at: check_columns(self, *at))
        for where, row in found:
            yield row_document(row, self, where)

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


def rows(
    path: str,
    columns: Sequence[str],
    counts: ReadCounts,
    check: ColumnCheck | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The columns of each row of every file, with its place ``<file>:<row>``.

    Args:
        path: a file, a folder or a glob.
        columns: what is read.
        counts: filled while it is read.
        check: raises for a file without the columns that are wanted, given those that it has and
            its path; None: a file without one of ``columns`` is refused.

    Raises:
        DataError: a file is missing, damaged, or lacks a column.
    """
    import pyarrow
    import pyarrow.parquet as parquet

    for file in find_files(path, SUFFIXES, counts):
        counts.files += 1
        number = 0
        try:
            with parquet.ParquetFile(file) as opened:
                have = list(opened.schema_arrow.names)
                (check or needs(columns))(have, str(file))
                for batch in opened.iter_batches(batch_size=256, columns=list(columns)):
                    for row in batch.to_pylist():
                        yield f"{file}:{number}", row
                        number += 1
        except UnicodeDecodeError as error:
            raise DataError(
                f"{file} holds a text that is not UTF-8 after row {number}: {error}; write it "
                "again with the text decoded."
            ) from error
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{file} is not a readable Parquet file: {error}") from error


KINDS.add("parquet", ParquetCorpus)
