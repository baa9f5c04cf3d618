"""Folders that appear whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim.errors import ArtifactError
from semdim.models.facts import FACTS_FILE


def check_replaceable(out: Path) -> None:
    """Refuse to write over anything that is not an export of ours (ArtifactError)."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ArtifactError(f"{out} is a file; an export needs a folder of its own.")
    if any(out.iterdir()) and not (out / FACTS_FILE).is_file():
        raise ArtifactError(
            f"{out} is not empty and holds no {FACTS_FILE}, so it is not an export of semdim; "
            f"choose another folder or empty this one."
        )


@contextmanager
def publish_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside `out`; it takes the place of `out` when the body succeeds.

    On any error, an interrupt included, the new folder is removed and `out` is as it was.
    """
    check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        for path in fresh.rglob("*"):  # safetensors writes files that only their owner can read
            path.chmod(0o755 if path.is_dir() else 0o644)
        fresh.chmod(0o755)
        if out.exists():
            out.rename(work / "old")
        fresh.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
