"""What dvc.yaml says that a stage reads and writes, for each unit that it runs on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml

_REFERENCE = re.compile(r"\$\{([^}]+)\}")
_DATA = ("outputs/", "results/")


@dataclass(frozen=True)
class Declared:
    """A stage of dvc.yaml on one unit of its matrix."""

    name: str
    """As DVC names it, without the unit."""
    module: str
    """The module that it runs."""
    overrides: tuple[str, ...]
    """Its arguments: ``unit.model=tiny`` and the like."""
    outs: tuple[str, ...]
    """Files and folders that it writes."""
    deps: tuple[str, ...]
    """Data that it reads; its code is left out."""

    def __str__(self) -> str:
        return " ".join((self.name, *(word.partition("=")[2] for word in self.overrides)))

    @property
    def unit(self) -> dict[str, str]:
        """The fields of a `stages.support.run.Unit` that its arguments set."""
        words = (word.removeprefix("unit.").partition("=") for word in self.overrides)
        return {name: value for name, _, value in words}


def pipeline(text: str, params: Mapping[str, Any]) -> list[Declared]:
    """Every stage on every unit, in the order of a dvc.yaml.

    Args:
        text: the dvc.yaml.
        params: the settings that its matrices and paths refer to.
    """
    stages = yaml.safe_load(text)["stages"]
    return [unit for name, stage in stages.items() for unit in _units(name, stage, params)]


def of_unit(
    text: str, params: Mapping[str, Any], module: str, unit: Mapping[str, str]
) -> Declared | None:
    """The first unit of a module's stage that agrees with all that is set; None if there is none.

    Args:
        text: the dvc.yaml.
        params: as in `pipeline`.
        module: the stage's, as ``stages.tokenize``.
        unit: what is set of a `stages.support.run.Unit`, by field.
    """
    for block in re.split(r"(?m)^(?=  \w+:$)", text):  # to parse all of it takes a second
        if not re.search(rf"-m {re.escape(module)}\s", block):
            continue
        for name, stage in yaml.safe_load(block).items():
            for found in _units(name, stage, params):
                if unit.items() <= found.unit.items():
                    return found
    return None


def _units(name: str, stage: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Declared]:
    matrix = {key: _values(value, params) for key, value in stage.get("matrix", {}).items()}
    for chosen in product(*matrix.values()):
        scope = {**params, "item": dict(zip(matrix, chosen, strict=True))}
        words = _filled(stage["cmd"], scope).split()
        written = [*stage.get("outs", ()), *stage.get("plots", ()), *stage.get("metrics", ())]
        paths = [next(iter(out)) if isinstance(out, dict) else out for out in written]
        deps = [dep for dep in stage.get("deps", ()) if dep.startswith(_DATA)]
        yield Declared(
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
