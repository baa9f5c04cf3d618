"""Folders that appear whole or not at all, each written by one process at a time."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim.artifacts.lock import locked
from semdim.artifacts.swap import put_in_place, set_aside
from semdim.errors import ArtifactError
from semdim.models.facts import FACTS_FILE

_FRESH = "new"
_OURS = {_FRESH, set_aside(Path(_FRESH)).name}


def check_replaceable(out: Path) -> None:
    """Refuse to write over anything that is not an export of ours (ArtifactError)."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ArtifactError(f"{out} is a file; an export needs a folder of its own.")
    if any(out.iterdir()) and not (out / FACTS_FILE).is_file():
        raise ArtifactError(
            f"{out} is not empty and holds no {FACTS_FILE}, so it is not a semdim export; choose "
            "another folder or empty this one."
        )


@contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Be the only process that writes the folder `out`; another one is waited for.

    What processes that were killed while they wrote it left beside it is removed first.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with locked(out.with_name(f".{out.name}.lock"), str(out), on_wait=_tell) as alone:
        if alone:
            _remove_leftovers(out)
        yield


@contextmanager
def publish_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out`; it takes the place of `out` when the body succeeds.

    On any error, an interrupt included, the new folder is removed and `out` is as it was. To be
    called inside `sole_writer`.
    """
    check_replaceable(out)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = work / _FRESH
        fresh.mkdir()
        yield fresh
        for path in fresh.rglob("*"):  # safetensors writes files that only their owner can read
            path.chmod(0o755 if path.is_dir() else 0o644)
        fresh.chmod(0o755)
        put_in_place(fresh, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_leftovers(out: Path) -> None:
    """Remove the work of writers that were killed: with the lock held, none is alive."""
    made_by_mkdtemp = re.compile(rf"\.{re.escape(out.name)}\.[a-z0-9_]{{8}}")
    for work in out.parent.iterdir():
        if not made_by_mkdtemp.fullmatch(work.name) or not work.is_dir():
            continue
        if {path.name for path in work.iterdir()} <= _OURS:  # else it is somebody else's
            old = set_aside(work / _FRESH)
            if old.exists() and not out.exists():
                old.rename(out)
            shutil.rmtree(work, ignore_errors=True)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
