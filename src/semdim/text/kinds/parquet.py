"""Parquet tables, a document per row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from semdim.errors import DataError
from semdim.fields import setting
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.kind import KINDS
from semdim.text.rows import RowsSpec, check_columns, columns_of, row_document

_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True, kw_only=True)
class ParquetCorpus(RowsSpec):
    """Parquet files, read in small batches of the columns needed alone."""

    kind: Literal["parquet"] = "parquet"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per row of every file, named ``<file>:<row>``."""
        import pyarrow
        import pyarrow.parquet as parquet

        for path in find_files(self.path, _SUFFIXES, counts):
            counts.files += 1
            try:
                with parquet.ParquetFile(path) as file:
                    columns = list(file.schema_arrow.names)
                    check_columns(self, columns, str(path))
                    number = 0
                    for batch in file.iter_batches(batch_size=256, columns=columns_of(self)):
                        for row in batch.to_pylist():
                            yield row_document(row, self, f"{path}:{number}")
                            number += 1
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path} holds a text that is not UTF-8 after row {number}: {error}; write it "
                    "again with the text decoded."
                ) from error
            except (pyarrow.ArrowException, OSError) as error:
                raise DataError(f"{path} is not a readable Parquet file: {error}") from error

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, _SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


KINDS.add("parquet", ParquetCorpus)
