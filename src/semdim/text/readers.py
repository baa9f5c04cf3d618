"""A user's own text: text files, JSON lines (also compressed), Parquet."""

import glob
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.text.documents import Document, ReadCounts
from semdim.text.spec import CorpusSpec

_JSONL_SUFFIXES = tuple(
    f"{kind}{packing}" for kind in (".jsonl", ".ndjson", ".json") for packing in ("", ".gz", ".zst")
)
_CHUNK = 1 << 20


def find_files(path: str, suffixes: tuple[str, ...], counts: ReadCounts) -> list[Path]:
    """The files that a path, folder or glob stands for, sorted by name.

    In a folder, hidden files and other endings are left out, and counted; a glob or a file is
    taken as it stands. Raises DataError when nothing is found.
    """
    pattern = os.path.expanduser(path)
    if os.path.isfile(pattern):
        return [Path(pattern)]
    if not os.path.isdir(pattern):
        found = sorted(name for name in glob.glob(pattern, recursive=True) if os.path.isfile(name))
        if not found:
            raise DataError(f"no file matches {path!r} (looked from {os.getcwd()})")
        return [Path(name) for name in found]
    kept = []
    for file in sorted(item for item in Path(pattern).rglob("*") if item.is_file()):
        if any(part.startswith(".") for part in file.relative_to(pattern).parts):
            counts.drop("files_hidden")
        elif not file.name.lower().endswith(suffixes):
            counts.drop("files_with_other_endings")
        else:
            kept.append(file)
    if not kept:
        raise DataError(f"no file under {path!r} ends in {', '.join(suffixes)}")
    return kept


def decode(raw: bytes, where: str, offset: int = 0) -> str:
    """UTF-8 text; DataError says in which file and at which byte it is none."""
    try:
        return raw.decode("utf-8-sig" if offset == 0 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not UTF-8 text: byte {offset + error.start} is "
            f"0x{raw[error.start]:02x}; convert the file, or leave it out of the corpus"
        ) from None


def read_text_file(path: Path) -> str:
    """The whole file, line ends normalised to ``\\n``."""
    return decode(path.read_bytes(), str(path)).replace("\r\n", "\n").replace("\r", "\n")


def read_files(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """One document per file, in the order of their paths; named by its path."""
    assert spec.path is not None
    for path in find_files(spec.path, spec.suffixes, counts):
        counts.files += 1
        yield Document(str(path), read_text_file(path))


def read_jsonl(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """One document per line of every file; C4's ``.json.gz`` shards are of this kind."""
    assert spec.path is not None
    for path in find_files(spec.path, _JSONL_SUFFIXES, counts):
        counts.files += 1
        offset = 0
        for number, line in enumerate(_lines(path), start=1):
            if line.strip():
                where = f"{path}:{number}"
                row = _json_object(decode(line, str(path), offset).rstrip(), where)
                yield row_document(row, spec, where)
            offset += len(line)


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(row, dict):
        raise DataError(f"{where} holds no JSON object: one object per line is expected")
    return row


def text_of(row: dict[str, Any], column: str, where: str) -> str:
    """The text in a row; null counts as empty. DataError for a missing or wrongly typed column."""
    if column not in row:
        raise missing_column(column, list(row), where)
    text = row[column]
    if text is not None and not isinstance(text, str):
        raise DataError(f"{where}: column {column!r} holds {type(text).__name__}, not text")
    return text or ""


def row_document(row: dict[str, Any], spec: CorpusSpec, where: str) -> Document:
    """The document in a row, named ``where``, or ``<value of name_column>/<where>``."""
    text = text_of(row, spec.text_column, where)
    if spec.name_column is None:
        return Document(where, text)
    if spec.name_column not in row:
        raise missing_column(spec.name_column, list(row), where, "name_column")
    return Document(f"{row[spec.name_column]}/{where}", text)


def columns_of(spec: CorpusSpec) -> list[str]:
    """The columns that a corpus in a table needs; nothing else is read."""
    wanted = [spec.text_column, *([spec.name_column] if spec.name_column else [])]
    return list(dict.fromkeys(wanted))


def check_columns(spec: CorpusSpec, columns: list[str], where: str) -> None:
    """DataError for a table without the columns that the corpus names."""
    if spec.text_column not in columns:
        raise missing_column(spec.text_column, columns, where)
    if spec.name_column is not None and spec.name_column not in columns:
        raise missing_column(spec.name_column, columns, where, "name_column")


def missing_column(
    column: str, columns: list[str], where: str, setting: str = "text_column"
) -> DataError:
    names = ", ".join(repr(name) for name in columns) or "none"
    return DataError(f"{where} has no column {column!r}; it has {names}: set {setting}")


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
        import zstandard

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
        except (zlib.error, zstandard.ZstdError) as error:
            raise DataError(f"{path} is damaged or not {path.suffix[1:]} data: {error}") from None
        if decoder is not None:
            raise DataError(f"{path} is damaged: it ends in mid-stream; fetch it again")


def read_parquet(spec: CorpusSpec, counts: ReadCounts) -> Iterator[Document]:
    """One document per row of every file, read in small batches of the columns needed alone."""
    import pyarrow
    import pyarrow.parquet as parquet

    assert spec.path is not None
    for path in find_files(spec.path, (".parquet", ".pq"), counts):
        counts.files += 1
        try:
            with parquet.ParquetFile(path) as file:
                columns = list(file.schema_arrow.names)
                check_columns(spec, columns, str(path))
                number = 0
                for batch in file.iter_batches(batch_size=256, columns=columns_of(spec)):
                    for row in batch.to_pylist():
                        yield row_document(row, spec, f"{path}:{number}")
                        number += 1
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path} is not a readable Parquet file: {error}") from error
