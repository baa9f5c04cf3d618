"""A folder in which the smoke run's pipeline runs, stage by stage, and the units that it runs."""

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from stages.support.configuration import composed, plain

ROOT = Path(__file__).resolve().parents[2]
#: What changes from run to run, and is no part of any artifact.
NOTES = tuple(f"outputs/partial/{name}.json" for name in ("rates", "digests", "cache"))
_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class StageRun:
    """A stage of dvc.yaml on one unit of its matrix."""

    name: str
    """As DVC names it, without the unit."""
    module: str
    """The module that it runs."""
    overrides: tuple[str, ...]
    """Its arguments."""
    outs: tuple[str, ...]
    """Files and folders that it writes."""
    deps: tuple[str, ...]
    """Data that it reads."""

    def __str__(self) -> str:
        return " ".join((self.name, *(word.partition("=")[2] for word in self.overrides)))


def make(folder: Path) -> list[StageRun]:
    """Fill a folder with what the pipeline reads; the stages in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(composed(["experiment=smoke"]), encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", folder)
    (folder / "training").mkdir(exist_ok=True)
    params = plain(folder / "params.yaml")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return [unit for name, stage in stages.items() for unit in _units(name, stage, params)]


def _units(name: str, stage: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[StageRun]:
    matrix = {key: _values(value, params) for key, value in stage.get("matrix", {}).items()}
    for chosen in product(*matrix.values()):
        scope = {**params, "item": dict(zip(matrix, chosen, strict=True))}
        words = _filled(stage["cmd"], scope).split()
        written = [*stage.get("outs", ()), *stage.get("plots", ()), *stage.get("metrics", ())]
        paths = [next(iter(out)) if isinstance(out, dict) else out for out in written]
        deps = [dep for dep in stage.get("deps", ()) if dep.startswith(("outputs", "results"))]
        yield StageRun(
            name, words[2], tuple(words[3:]),
            tuple(_filled(path, scope) for path in paths),
            tuple(_filled(path, scope) for path in deps),
        )  # fmt: skip


def _values(value: Any, params: Mapping[str, Any]) -> list[Any]:
    return list(_at(value[2:-1], params) if isinstance(value, str) else value)


def _filled(text: str, scope: Mapping[str, Any]) -> str:
    return _REFERENCE.sub(lambda found: str(_at(found[1], scope)), text)


def _at(dotted: str, scope: Mapping[str, Any]) -> Any:
    value: Any = scope
    for part in dotted.split("."):
        value = value[part]
    return value


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
    """Change one bit of a file, in its middle."""
    content = bytearray(path.read_bytes())
    place = min(len(content) - 1, int(len(content) * at))
    content[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))
