"""Questions in Parquet tables, a fact per row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from semdim.fields import setting
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Fact
from semdim.questions.rows import RowQuestions
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import ReadCounts
from semdim.text.kinds.parquet import SUFFIXES, rows


@dataclass(frozen=True, kw_only=True)
class ParquetQuestions(RowQuestions):
    """Parquet files, of which the columns that are needed are read."""

    kind: Literal["parquet"] = "parquet"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def facts(self) -> Iterator[Fact]:
        """The fact of each row, named ``<file>:<row>``."""
        return self.read_rows(rows(self.path, self.columns, ReadCounts()))

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


QUESTION_KINDS.add("parquet", ParquetQuestions)
