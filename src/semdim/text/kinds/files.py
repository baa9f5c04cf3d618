"""Text files, a document each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semdim.fields import setting
from semdim.text.disk import describe_files, find_files, folder_below
from semdim.text.documents import Document, ReadCounts
from semdim.text.filters import is_wanted
from semdim.text.kind import KINDS
from semdim.text.packings import is_packed
from semdim.text.reading import read_text_file
from semdim.text.spec import TextSpec
from semdim.text.walk import fixed_part


@dataclass(frozen=True, kw_only=True)
class FilesCorpus(TextSpec):
    """Text files in UTF-8."""

    kind: Literal["files"] = "files"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""
    suffixes: tuple[str, ...] = setting((".txt", ".md", ".py"), one_is_a_list=True)
    """The endings that count inside a folder (a file or glob is taken as it stands)."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per file, in the order of their paths; named by its path.

        Its source is the folder just below ``path`` that it lies in (``wiki`` for a/wiki/x/1.txt
        under ``a``), where there is one.
        """
        for path in find_files(self.path, self.suffixes, counts):
            counts.files += 1
            yield Document(str(path), read_text_file(path), folder_below(path, self.path))

    def source(self) -> dict[str, Any]:
        """The files whose documents the patterns of the corpus let through."""
        paths = find_files(self.path, self.suffixes, ReadCounts())
        kept = [path for path in paths if is_wanted(str(path), self)]
        return {"files": describe_files(kept, self.path)}

    def documents_at_most(self, found: Mapping[str, Any]) -> Sequence[int] | None:
        """A document per file; unknown where a file is compressed."""
        root = fixed_part(Path(self.path).expanduser())
        if any(is_packed(root / file["name"]) for file in found["files"]):
            return None
        return [int(file["size"]) for file in found["files"]]


KINDS.add("files", FilesCorpus)
