"""Text files on disk: found in an order that never changes, and told apart."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.origin import digests
from semdim.text.documents import ReadCounts
from semdim.text.walk import fixed_part, in_folder, in_glob


def find_files(path: str, suffixes: tuple[str, ...], counts: ReadCounts) -> list[Path]:
    """The files that a path, folder or glob stands for, sorted by name.

    In a folder, links are followed, a folder once however many lead to it; hidden files and other
    endings are left out. A glob or a file is taken as it stands. Whatever is left out is counted:
    also links to nothing, and what may not be read.

    Raises:
        DataError: nothing is found, or a file that is named may not be read.
    """
    pattern = os.path.expanduser(path)
    if os.path.isfile(pattern):
        if not os.access(pattern, os.R_OK):
            raise DataError(f"{path} cannot be read: change its permissions, or give another file.")
        return [Path(pattern)]
    is_folder = os.path.isdir(pattern)
    if is_folder:
        found = sorted(in_folder(pattern, counts))
    else:
        found = sorted(in_glob(pattern, counts), key=str)
    kept = []
    for file in found:
        if is_folder and not file.name.lower().endswith(suffixes):
            counts.drop("files_with_other_endings")
        elif not os.access(file, os.R_OK):
            counts.drop("files_unreadable")
        else:
            kept.append(file)
    if kept:
        return kept
    left_out = counts.left_out(("files", "folders", "links", "pipes"))
    account = f" (left out: {left_out})" if left_out else ""
    if is_folder:
        raise DataError(f"no file under {path!r} ends in {', '.join(suffixes)}{account}")
    raise DataError(f"no file matches {path!r} (looked from {os.getcwd()}){account}")


def describe_files(paths: Sequence[Path], given: str) -> list[dict[str, Any]]:
    """Name, size in bytes and SHA-256 of every file, for `source_digest`.

    Names are relative to ``given``, the path, folder or glob by which they were found.
    """
    root = fixed_part(Path(given).expanduser())
    rows = []
    for path, digest in digests(paths).items():
        name = path.relative_to(root) if path.is_relative_to(root) else path
        rows.append({"name": name.as_posix(), "size": path.stat().st_size, "sha256": digest})
    return rows


def folder_below(path: Path, given: str) -> str | None:
    """The first folder of a file's path below ``given``, the path, folder or glob by which it was
    found; None for a file that lies in it directly."""
    root = fixed_part(Path(given).expanduser())
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    return parts[0] if len(parts) > 1 else None
