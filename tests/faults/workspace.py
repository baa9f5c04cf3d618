"""A folder in which the smoke run's pipeline runs, stage by stage, and the units that it runs."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from stages.support.configuration import composed, plain
from stages.support.declared import Declared, pipeline

ROOT = Path(__file__).resolve().parents[2]
#: What changes from run to run, and is no part of any artifact.
NOTES = tuple(f"outputs/partial/{name}.json" for name in ("rates", "digests", "cache", "hashed"))


def make(folder: Path) -> list[Declared]:
    """Fill a folder with what the pipeline reads; the stages in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(composed(["experiment=smoke"]), encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "training").mkdir(exist_ok=True)
    params = plain(folder / "params.yaml")
    return pipeline((ROOT / "dvc.yaml").read_text(encoding="utf-8"), params)


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file that the pipeline wrote, by its path; unfinished work is among them."""
    found = {}
    for part in ("outputs", "results"):
        for path in sorted((folder / part).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and name not in NOTES:
                found[name] = hashlib.md5(path.read_bytes()).hexdigest()
    return found


def below(names: Mapping[str, str], out: str) -> dict[str, str]:
    """Of `contents`, what belongs to one output."""
    return {name: md5 for name, md5 in names.items() if name == out or name.startswith(f"{out}/")}


def remove(folder: Path, outs: tuple[str, ...]) -> None:
    """Remove the outputs of a stage."""
    for out in outs:
        path = folder / out
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def flip(path: Path, at: float = 0.5) -> None:
    """Change one bit of a file, in its middle; it may be as little written to as before."""
    mode = path.stat().st_mode
    content = bytearray(path.read_bytes())
    place = min(len(content) - 1, int(len(content) * at))
    content[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))
    path.chmod(mode)  # DVC trusts an object of its cache that is read-only
