"""What lies under a folder or matches a glob, links followed, and an account of what is left out.

Folders that may not be read, links that lead nowhere or in a circle, pipes and devices are left out
and counted. A folder to which several paths lead is read once, under its own name where it has one
among them.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from semdim.text.documents import ReadCounts


def in_folder(root: str, counts: ReadCounts) -> Iterator[Path]:
    """The files under a folder that are not hidden, in no order."""
    seen: set[tuple[int, int]] = set()
    linked = [root]
    while linked:  # folders that lie in the tree first, then those that links lead to
        behind: list[str] = []
        for folder in linked:
            yield from _tree(folder, seen, behind, counts)
        linked = sorted(behind)


def _tree(
    top: str, seen: set[tuple[int, int]], links: list[str], counts: ReadCounts
) -> Iterator[Path]:
    """The files of a tree; ``links`` is given the linked folders in it."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            state = os.stat(folder)
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            counts.drop("folders_unreadable")
            continue
        if (state.st_dev, state.st_ino) in seen:
            counts.drop("folders_linked_twice")
            continue
        seen.add((state.st_dev, state.st_ino))
        for entry in found:
            if entry.name.startswith("."):
                _count_hidden(entry, counts)
            elif _is(entry, "is_dir"):
                (links if entry.is_symlink() else waiting).append(entry.path)
            elif _is(entry, "is_file"):
                yield Path(entry.path)
            else:
                counts.drop(_why_not(entry.path))


def _count_hidden(entry: "os.DirEntry[str]", counts: ReadCounts) -> None:
    """Count what a hidden entry hides: its files, were it a folder."""
    if not _is(entry, "is_dir"):
        counts.drop("files_hidden")
    elif entry.is_symlink():
        counts.drop("folders_hidden")
    else:
        for _, _, names in os.walk(entry.path, onerror=lambda _: counts.drop("folders_unreadable")):
            counts.dropped["files_hidden"] += len(names)


def _is(entry: "os.DirEntry[str]", what: str) -> bool:
    try:
        return bool(getattr(entry, what)())
    except OSError:  # a link to itself, or through a folder that may not be entered
        return False


def _why_not(path: str) -> str:
    is_broken = os.path.islink(path) and not os.path.exists(path)
    return "links_to_nothing" if is_broken else "pipes_and_devices"


def in_glob(pattern: str, counts: ReadCounts) -> Iterator[Path]:
    """The files that match a glob, in no order."""
    for name in glob.iglob(pattern, recursive=True):
        if os.path.isdir(name):
            continue
        if not os.path.isfile(name):
            counts.drop(_why_not(name))
        elif _is_circular(name, pattern):
            counts.drop("files_linked_in_a_circle")
        else:
            yield Path(name)
    for folder in sorted(_folders(pattern)):
        if not os.access(folder, os.R_OK | os.X_OK):
            counts.drop("folders_unreadable")


def _folders(pattern: str) -> set[str]:
    """The folders that a glob looks into."""
    parts = Path(pattern).parts
    first = len(fixed_part(Path(pattern)).parts)
    starts = (str(Path(*parts[:n])) for n in range(max(first, 1), len(parts)))
    found = (glob.iglob(os.path.join(start, ""), recursive=True) for start in starts)
    return {os.path.normpath(name) for names in found for name in names}


def _is_circular(name: str, pattern: str) -> bool:
    """Whether a path goes through one folder twice."""
    root = fixed_part(Path(pattern))
    folders = [folder for folder in Path(name).parents if folder.is_relative_to(root)]
    return len({folder.resolve() for folder in folders}) < len(folders)


def fixed_part(path: Path) -> Path:
    """The folder itself, the folder of a file, or what stands before a glob's first wildcard."""
    if path.is_dir():
        return path
    fixed = Path()
    for part in path.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
