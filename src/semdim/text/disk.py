"""Text files on disk: found in an order that never changes, decoded, and told apart."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.origin import digests
from semdim.text.documents import ReadCounts


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


def describe_files(paths: Sequence[Path], given: str) -> list[dict[str, Any]]:
    """Name, size in bytes and SHA-256 of every file, for `source_digest`.

    Names are relative to ``given``, the path, folder or glob by which they were found.
    """
    root = _fixed_part(Path(given).expanduser())
    rows = []
    for path, digest in digests(paths).items():
        name = path.relative_to(root) if path.is_relative_to(root) else path
        rows.append({"name": name.as_posix(), "size": path.stat().st_size, "sha256": digest})
    return rows


def folder_below(path: Path, given: str) -> str | None:
    """The first folder of a file's path below ``given``, the path, folder or glob by which it was
    found; None for a file that lies in it directly."""
    root = _fixed_part(Path(given).expanduser())
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    return parts[0] if len(parts) > 1 else None


def _fixed_part(path: Path) -> Path:
    """The folder itself, the folder of a file, or what stands before a glob's first wildcard."""
    if path.is_dir():
        return path
    fixed = Path()
    for part in path.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed


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
