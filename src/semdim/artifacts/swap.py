"""One folder in the place of another, without a moment in which there is neither.

Linux (renameat2) and macOS (renamex_np) exchange two names in one step, on the file systems that
can (ext4, XFS, Btrfs, tmpfs, overlay, APFS). Elsewhere two renames follow each other, and between
them the name is free: a process that is killed there leaves the old folder beside it.
"""

import ctypes
import os
import shutil
from pathlib import Path

_HERE = -100  # AT_FDCWD: paths are relative to the working directory
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


def put_in_place(fresh: Path, final: Path) -> None:
    """Make the folder ``fresh`` the folder ``final``, and remove what was there before.

    Both are on one file system, and the parent of ``final`` exists.
    """
    if not final.exists():
        fresh.rename(final)
        return
    if not exchange(fresh, final):
        aside = set_aside(fresh)
        final.rename(aside)
        try:
            fresh.rename(final)
        except OSError:
            aside.rename(final)
            raise
        aside.rename(fresh)
    shutil.rmtree(fresh)


def set_aside(fresh: Path) -> Path:
    """Where the old folder is for a moment, where two names cannot be exchanged in one step."""
    return fresh.with_name(f"{fresh.name}.old")


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False, and nothing done, where that cannot be."""
    if os.name != "posix":
        return False
    names, library = (os.fsencode(one), os.fsencode(other)), ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
    if hasattr(library, "renamex_np"):
        return bool(library.renamex_np(*names, _EXCHANGE) == 0)
    return False
