"""Whether the files that a stage reads are those that another stage wrote.

Shards carry checksums of their own (`semdim.artifacts.shards`). For everything else a stage writes
down, at its end, the MD5 of each file that it wrote: one note for each of its outputs in dvc.yaml.
A stage compares its inputs with the notes before it reads them. A file that differs from its note
may still be right, if DVC has put another version there; then dvc.lock names it. What neither knows
is damaged, and refused. What nobody has a note of, such as the artifacts of an older semdim, is
compared with dvc.lock alone, and accepted where that has no entry, either.

A file is hashed once, and again when its size or its time has changed.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from semdim.artifacts import chain
from semdim.artifacts.damage import will_be_seen
from semdim.artifacts.shards import MANIFEST, write_json
from semdim.errors import ArtifactError, SemdimError
from semdim.reading import read_json
from stages.support.declared import Declared, of_unit
from stages.support.run import Run

NOTES = Path("outputs/partial/written")
MEMORY = Path("outputs/partial/hashed.json")


def declared(run: Run) -> Declared | None:
    """What dvc.yaml says of a run; None where there is no dvc.yaml, or no such stage in it."""
    file = run.paths.root / "dvc.yaml"
    if not file.is_file():
        return None
    unit = {name: value for name, value in asdict(run.unit).items() if value is not None}
    unit = {name: value for name, value in unit.items() if name not in ("out", "swept")}
    return of_unit(file.read_text(encoding="utf-8"), run.params, run.module, unit)


def inputs(deps: Iterable[str], root: Path = Path(".")) -> Iterator[Path]:
    """The deps that are there, and the tables that a chain of tables among them lists."""
    for path in (root / name for name in deps):
        if path.exists():
            yield path
            if "gathered" in path.parts:
                with contextlib.suppress(ArtifactError):
                    yield from (root / name for name in chain.files(path))


def check(deps: Iterable[str], root: Path = Path(".")) -> None:
    """Refuse inputs that are damaged; those that are missing are left to whoever reads them.

    Args:
        deps: data that dvc.yaml names among a stage's deps.
        root: of the project.

    Raises:
        ArtifactError: the message names the first damaged file. Its time is changed, so that the
            next `dvc repro` sees it, too.
    """
    sums = Sums(root)
    for path in inputs(deps, root):
        if wrong := _damaged(path.relative_to(root).as_posix(), sums):
            for name in wrong:
                will_be_seen(root / name)
            what = "differs from" if (root / wrong[0]).exists() else "is missing from"
            raise ArtifactError(
                f"{wrong[0]} {what} what its stage wrote, and dvc.lock has no such version; "
                "`dvc repro` computes it again."
            )
    sums.remember()


def note(outputs: Iterable[str], root: Path = Path(".")) -> None:
    """Write down what a stage has just written."""
    sums = Sums(root)
    for name in outputs:
        if (root / name).exists():
            write_json(_note(name, root), {file: sums.of(file) for file in _files(name, root)})
    sums.remember()


class Sums:
    """MD5 of files below a root; of those that did not change since they were hashed, at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known = _mapping(root / MEMORY)
        self._fresh: dict[str, str] = {}

    def of(self, name: str) -> str | None:
        """The MD5 of a file, as hex; None where there is none."""
        try:
            state = (self.root / name).stat()
            mark = f"{state.st_size} {state.st_mtime_ns} {state.st_ino} "
            entry = self._fresh.get(name) or self._known.get(name, "")
            if not entry.startswith(mark):
                with (self.root / name).open("rb") as stream:
                    entry = mark + hashlib.file_digest(stream, "md5").hexdigest()
                self._fresh[name] = entry
        except OSError:
            return None
        return entry.rpartition(" ")[2]

    def of_folder(self, name: str) -> str:
        """The MD5 by which DVC knows a folder: that of the list of its files."""
        folder = self.root / name
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        entries = [
            {
                "md5": self.of(path.relative_to(self.root).as_posix()),
                "relpath": path.relative_to(folder).as_posix(),
            }
            for path in files
        ]
        return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"

    def remember(self) -> None:
        """Keep what was hashed, for the next stage; what is gone is forgotten."""
        if self._fresh:
            known = _mapping(self.root / MEMORY) | self._fresh
            kept = {name: mark for name, mark in known.items() if (self.root / name).exists()}
            write_json(self.root / MEMORY, kept)


def _damaged(name: str, sums: Sums) -> list[str]:
    """Files of an input that differ from what was noted, unless DVC knows it as it is."""
    noted = _noted(name, sums.root)
    wrong = [file for file, md5 in noted.items() if sums.of(file) != md5]
    if noted and not wrong:
        return []
    known = list(_known_to_dvc(name, sums.root))
    if not known and not noted:
        return []
    return [] if any(_is_version(*version, sums) for version in known) else wrong or [name]


def _noted(name: str, root: Path) -> dict[str, str]:
    """What was noted of an input, which is an output or a part of one."""
    for out in _upwards(name):
        if _note(out, root).is_file():
            found = _mapping(_note(out, root))
            return {f: md5 for f, md5 in found.items() if f == name or f.startswith(f"{name}/")}
    return {}


def _note(out: str, root: Path) -> Path:
    return root / NOTES / f"{out}.json"


def _known_to_dvc(name: str, root: Path) -> Iterator[tuple[str, str]]:
    """Outputs with the MD5s that dvc.lock has of them, of the input itself or a folder of it."""
    with contextlib.suppress(OSError):
        lock = (root / "dvc.lock").read_text(encoding="utf-8")
        for out in _upwards(name):
            pattern = rf"path:\s+{re.escape(out)}\n\s+hash: md5\n\s+md5: ([0-9a-f]{{32}}(?:\.dir)?)"
            for md5 in sorted(set(re.findall(pattern, lock))):
                yield out, md5


def _is_version(out: str, md5: str, sums: Sums) -> bool:
    return md5 == (sums.of_folder(out) if md5.endswith(".dir") else sums.of(out))


def _files(name: str, root: Path) -> list[str]:
    """The files of an output but its shards, whose checksums are in the manifest beside them."""
    path = root / name
    if path.is_file():
        return [name]
    found = (file for file in sorted(path.rglob("*")) if file.is_file())
    return [file.relative_to(root).as_posix() for file in found if not _is_shard(file)]


def _is_shard(file: Path) -> bool:
    return file.name.startswith("shard-") and (file.parent / MANIFEST).exists()


def _upwards(name: str) -> list[str]:
    return [name, *(path.as_posix() for path in Path(name).parents if path != Path("."))]


def _mapping(path: Path) -> dict[str, str]:
    try:
        content = read_json(path)
    except SemdimError:
        return {}
    return {name: value for name, value in content.items() if isinstance(value, str)}
