"""What lies under a folder or matches a glob, links followed, and an account of what is left out.

Folders that may not be read, links that lead nowhere or in a circle, pipes and devices are left out
and counted. A folder to which several paths lead is read once, under its own name where it has one
among them.
"""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
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
    """The files that a glob matches, in no order: those of `glob.glob` with ``recursive``, but for
    paths that go through one folder twice."""
    path = Path(pattern)
    n_fixed = len(fixed_part(path).parts)
    glob_ = _Glob(set(), set())
    glob_.match(str(Path(*path.parts[:n_fixed])), path.parts[n_fixed:], frozenset())
    for name in glob_.found:
        if os.path.isdir(name):
            continue
        if os.path.isfile(name):
            yield Path(name)
        else:
            counts.drop(_why_not(name))
    for reason, _ in glob_.left_out:
        counts.drop(reason)


@dataclass(frozen=True)
class _Glob:
    """What a glob matches, and the folders that it could not look into."""

    found: set[str]
    left_out: set[tuple[str, str]]
    """A reason and a folder."""

    def match(
        self, folder: str, parts: tuple[str, ...], through: frozenset[tuple[int, int]]
    ) -> None:
        """Find what the parts of a pattern match below a folder.

        through: the folders that the path has come through.
        """
        first, rest = parts[0], parts[1:]
        if not glob.has_magic(first):
            name = os.path.join(folder, first)
            if not rest and os.path.lexists(name):
                self.found.add(name)
            elif rest and os.path.isdir(name):
                self.match(name, rest, through)
            return
        try:
            state = os.stat(folder)
            with os.scandir(folder) as entries:
                shown = [entry for entry in entries if _shown(entry.name, first)]
        except OSError:
            self.left_out.add(("folders_unreadable", folder))
            return
        through |= {(state.st_dev, state.st_ino)}
        if first == "**" and rest:  # it stands for no folder at all, too
            self.match(folder, rest, through)
        for entry in shown:
            if not rest:
                self.found.add(entry.path)
            if (rest or first == "**") and _is(entry, "is_dir"):
                if entry.is_symlink() and _identity(entry.path) in through:
                    self.left_out.add(("folders_linked_in_a_circle", entry.path))
                else:
                    self.match(entry.path, parts if first == "**" else rest, through)


def _identity(path: str) -> tuple[int, int]:
    state = os.stat(path)
    return state.st_dev, state.st_ino


def _shown(name: str, part: str) -> bool:
    """Whether a name matches a part of a glob; hidden ones do if the part asks for them."""
    if name.startswith(".") and not part.startswith("."):
        return False
    return part == "**" or fnmatchcase(name, part)


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
