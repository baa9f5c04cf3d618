"""The names of models, probes and corpora: they become folders, files and names of stages."""

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from semdim.axes import FIRST
from semdim.errors import ConfigError
from semdim.paths import folder_names

if TYPE_CHECKING:
    from semdim.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
LONGEST = 100
"""Characters of a name: some file systems take no more than 143 for a file and its ending."""
#: What stands beside the paths of `semdim.paths.Paths` in outputs/, results/ and dvc.yaml: the
#: record of check_params, the training pipeline, the proxy of a model itself, the points of sweeps.
_BESIDE = ("params_checked", "training", "model", "multirun")
#: Names that Windows keeps for devices, in any folder.
_DEVICES = (
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789"),
)


@cache
def reserved() -> frozenset[str]:
    """The names that nothing may have, lower case."""
    return folder_names() | {FIRST, *_BESIDE, *_DEVICES}


def check_names(settings: "Settings") -> None:
    """Refuse names that cannot be folders, and names of the grid that nothing is configured for.

    Raises:
        ConfigError: which name, in which section.
    """
    for what in ("models", "probes", "corpora", "questions"):
        _check_section(what, getattr(settings, what))
    grid = settings.grid
    for key, chosen, entries in (
        ("model", grid.model, settings.models),
        ("probe", grid.probe, settings.probes),
        ("corpus", grid.corpus, settings.corpora),
        ("questions", grid.questions, settings.questions),
    ):
        for name in chosen:
            if name not in entries:
                raise ConfigError(
                    f"grid.{key} names {name!r}, which is not configured: choose among "
                    f"{', '.join(entries)}, or add a file to conf/{key}."
                )
    for name, probe in settings.probes.items():
        if probe.model not in settings.models:
            raise ConfigError(
                f"probes.{name}.model = {probe.model!r} is not among the models "
                f"({', '.join(settings.models)}): let its file in conf/probe load /source/"
                f"{probe.model}."
            )
        if name not in grid.probe:
            raise ConfigError(
                f"grid.probe = {list(grid.probe)} lacks {name!r}, which is among the probes: "
                "choose probes with probe=[...], from which grid.probe follows."
            )
        if probe.model not in grid.model:
            raise ConfigError(
                f"grid.model = {list(grid.model)} lacks {probe.model!r}, which the probe {name!r} "
                "reads: leave grid.model to follow from the models."
            )


def _check_section(what: str, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"The name {name!r} in {what} must consist of letters, digits, - and _ only: it "
                "becomes a folder and the name of a stage."
            )
        if len(name) > LONGEST:
            raise ConfigError(
                f"The name {name[:20]}... in {what} has {len(name)} characters; it becomes the "
                f"name of a file, so it must have at most {LONGEST}."
            )
        if name.lower() in reserved():
            raise ConfigError(
                f"The name {name!r} in {what} is reserved by outputs, results or the system: "
                "choose another."
            )
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            raise ConfigError(
                f"The names {twin!r} and {name!r} in {what} differ only in case, and would be the "
                "same folder on a file system that ignores case: rename one."
            )
