"""A byte is flipped in what a stage reads: the stage says so, and nothing is computed from it."""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from stages.support.declared import Declared
from stages.support.intact import inputs
from tests.faults import child
from tests.faults.rows import Outcome
from tests.faults.workspace import below, contents, flip, remove

WHAT = "a byte of a stage's input is flipped"


def flips(
    stage: Declared, folder: Path, after: Mapping[str, str], stride: int = 1
) -> Iterator[Outcome]:
    """Flip a byte of each file that dvc.yaml names among a stage's data; one shard of each kind.

    A trial has survived when the stage ends with a sentence that names the file, and has written
    none of its outputs; or when it did not read the file, and its outputs are as ever. Yields what
    was done, and what was wrong, or None.

    Args:
        stage: that reads.
        folder: in which its inputs are.
        after: the files as an undisturbed run leaves them.
        stride: every so many-th file alone.
    """
    kinds = {_kind(path): path for name in inputs(stage.deps, folder) for path in _files(name)}
    for at, path in enumerate(path for path in kinds.values() if path.stat().st_size):
        if (at + sum(map(ord, str(stage)))) % stride:
            continue
        kept = folder.parent / "kept"
        shutil.copy2(path, kept)
        remove(folder, stage.outs)
        flip(path)
        done = child.run(stage, folder)
        name = path.relative_to(folder).as_posix()
        failure = _failure(name, done)
        for out in stage.outs:
            written = below(contents(folder), out)
            if written and (done.status or written != below(after, out)):
                failure = "it was used" if failure is None else failure
        shutil.move(kept, path)
        yield WHAT, None if failure is None else f"{stage}, {name}: {failure}"


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _kind(path: Path) -> str:
    """What files of one kind have in common: of shards one is as good as another."""
    return re.sub(r"shard-\d+", "shard", path.as_posix())


def _failure(name: str, done: child.Ended) -> str | None:
    if done.status == 0:
        return None  # if it was not read
    if "Traceback" in done.said or "error: " not in done.said:
        return f"no sentence: {done.said[-200:]!r}"
    return None if name in done.said else f"not named: {done.said[-200:]!r}"
