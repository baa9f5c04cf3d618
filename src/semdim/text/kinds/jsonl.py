"""JSON lines, plain or compressed, a document per line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from semdim.errors import DataError
from semdim.fields import setting
from semdim.text.disk import describe_files, find_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.kind import KINDS
from semdim.text.reading import BYTE_ORDER_MARK, decode
from semdim.text.rows import RowsSpec, row_document
from semdim.text.unpack import ENDINGS, lines

SUFFIXES = tuple(
    f"{kind}{packing}" for kind in (".jsonl", ".ndjson", ".json") for packing in ("", *ENDINGS)
)


@dataclass(frozen=True, kw_only=True)
class JsonlCorpus(RowsSpec):
    """Files of JSON objects, one a line; C4's ``.json.gz`` shards are of this kind."""

    kind: Literal["jsonl"] = "jsonl"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per line of every file that is not blank, named ``<file>:<line>``."""
        for where, row in rows(self.path, counts):
            yield row_document(row, self, where)

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


def rows(path: str, counts: ReadCounts) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object of each line that is not blank, with its place ``<file>:<line>``.

    Raises:
        DataError: there is no file, or a line holds no JSON object.
    """
    for file in find_files(path, SUFFIXES, counts):
        counts.files += 1
        offset = 0
        for number, line in enumerate(lines(file), start=1):
            if line.strip():
                where = f"{file}:{number}"
                text = decode(line, str(file), offset=offset, line=number).rstrip()
                yield where, _json_object(text.lstrip(BYTE_ORDER_MARK), where)
            offset += len(line)


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise DataError(f"{where} is nested too deeply to be read as JSON") from None
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{where} cannot be read as JSON: {error}") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} holds no JSON object: one object per line is expected")
    return row


KINDS.add("jsonl", JsonlCorpus)
