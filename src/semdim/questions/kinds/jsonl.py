"""Questions in JSON lines, plain or compressed, a fact per line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from semdim.fields import setting
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Fact
from semdim.questions.rows import RowQuestions
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import ReadCounts
from semdim.text.kinds.jsonl import SUFFIXES, rows


@dataclass(frozen=True, kw_only=True)
class JsonlQuestions(RowQuestions):
    """Files of JSON objects, one a line."""

    kind: Literal["jsonl"] = "jsonl"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def facts(self) -> Iterator[Fact]:
        """The fact of each line that is not blank, named ``<file>:<line>``."""
        return self.read_rows(rows(self.path, ReadCounts()))

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


QUESTION_KINDS.add("jsonl", JsonlQuestions)
