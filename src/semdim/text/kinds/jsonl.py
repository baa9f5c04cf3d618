"""JSON lines, plain or compressed, a document per line."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semdim.errors import DataError
from semdim.fields import setting
from semdim.optional import package
from semdim.text.disk import decode, describe_files, find_files
from semdim.text.documents import Document, ReadCounts
from semdim.text.kind import KINDS
from semdim.text.rows import RowsSpec, row_document

_SUFFIXES = tuple(
    f"{kind}{packing}" for kind in (".jsonl", ".ndjson", ".json") for packing in ("", ".gz", ".zst")
)
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class JsonlCorpus(RowsSpec):
    """Files of JSON objects, one a line; C4's ``.json.gz`` shards are of this kind."""

    kind: Literal["jsonl"] = "jsonl"
    path: str = setting(not_empty=True)
    """A file, a folder (searched recursively) or a glob."""

    def documents(self, counts: ReadCounts) -> Iterator[Document]:
        """One document per line of every file that is not blank, named ``<file>:<line>``."""
        for path in find_files(self.path, _SUFFIXES, counts):
            counts.files += 1
            offset = 0
            for number, line in enumerate(_lines(path), start=1):
                if line.strip():
                    where = f"{path}:{number}"
                    row = _json_object(decode(line, str(path), offset).rstrip(), where)
                    yield row_document(row, self, where)
                offset += len(line)

    def source(self) -> dict[str, Any]:
        """The files."""
        paths = find_files(self.path, _SUFFIXES, ReadCounts())
        return {"files": describe_files(paths, self.path)}


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} holds no JSON object: one object per line is expected")
    return row


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _decompressed(path):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _decompressed(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(_CHUNK), b"")
        if path.suffix not in (".gz", ".zst"):
            yield from chunks
            return
        damages: tuple[type[Exception], ...] = (zlib.error,)
        if path.suffix == ".zst":
            zstandard = package("zstandard", f"{path}, compressed by Zstandard,")
            damages += (zstandard.ZstdError,)
        decoder: Any = None
        try:
            for chunk in chunks:
                while chunk:  # a file may be several members, one after another
                    if decoder is None:
                        if path.suffix == ".gz":
                            decoder = zlib.decompressobj(wbits=31)
                        else:
                            decoder = zstandard.ZstdDecompressor().decompressobj()
                    yield decoder.decompress(chunk)
                    chunk = decoder.unused_data if decoder.eof else b""
                    decoder = None if decoder.eof else decoder
        except damages as error:
            raise DataError(f"{path} is damaged or not {path.suffix[1:]} data: {error}") from None
        if decoder is not None:
            raise DataError(f"{path} is damaged: it ends in mid-stream; fetch it again")


KINDS.add("jsonl", JsonlCorpus)
