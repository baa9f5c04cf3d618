"""params.yaml: composed from conf/, compared with it, and checked value by value."""

import re
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from semdim.errors import ConfigError
from semdim.fields import suggestion
from semdim.registry import load_plugins
from semdim.settings import read_settings
from stages import ROOT
from stages.support.points import parse, refuse_contradictions

MEND = "`python -m stages.check_params --write`"


def composed(overrides: list[str] | None = None, conf: Path = ROOT / "conf") -> str:
    """params.yaml as ``conf`` has it: the same text as DVC writes for an experiment.

    Raises:
        ConfigError: conf/ cannot be composed (an unknown choice lists those that exist), or two
            overrides contradict each other.
    """
    try:
        refuse_contradictions(parse(overrides or []))
        with initialize_config_dir(str(conf), version_base=None):
            config = compose("config", overrides=overrides or [])
        OmegaConf.resolve(config)
        return OmegaConf.to_yaml(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"conf/ cannot be composed: {_in_words(str(error))}") from error


def _in_words(message: str) -> str:
    """Hydra's message; of a file in a list of choices that is not there, which ones are."""
    found = re.search(r"Could not load '(\w+)/([^']+)'", message)
    if found is None:
        return message
    group, name = found.groups()
    names = sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
    return (
        f"there is no conf/{group}/{name}.yaml; choose {group} among {', '.join(names)}, or write "
        f"that file.{suggestion(name, names)}"
    )


def plain(source: Path | str) -> dict[str, Any]:
    """The values of a params.yaml, given as a file or as its text.

    Raises:
        ConfigError: there is no such file, or it does not hold settings by name.
    """
    if isinstance(source, Path):
        if not source.exists():
            raise ConfigError(f"{source} is missing; write it with {MEND}.")
        source = source.read_text(encoding="utf-8")
    values = OmegaConf.to_container(OmegaConf.create(source))
    if not isinstance(values, dict):
        raise ConfigError(f"params.yaml should hold a mapping of settings; write it with {MEND}.")
    return {str(key): value for key, value in values.items()}


def checked(values: dict[str, Any], *, must_be_composed: bool = False) -> dict[str, Any]:
    """The same values, once they are known to be possible and, if asked, up to date.

    The plugins that they name are imported, since what they bring makes more values possible.

    Raises:
        ConfigError: a value is not possible, or differs from the composition of conf/.
    """
    if must_be_composed:
        difference = first_difference(values, plain(composed()))
        if difference is not None:
            raise ConfigError(
                f"params.yaml is not the composition of conf/ (they differ in {difference}), as "
                f"after `dvc exp run -S ...`: {_keep(difference)}, drop the change with "
                f"{MEND} (what was computed is taken from the cache), or continue with `dvc exp "
                "run -S group=choice`."
            )
    load_plugins(values.get("plugins") or ())
    read_settings(values)
    return values


def _keep(difference: str) -> str:
    """How to keep what params.yaml has. What the stages range over follows from a choice of groups,
    which `--keep` cannot write as a value."""
    if difference.split(".")[0] == "axes":
        return (
            "other models, probes or corpora were chosen; keep that choice by writing it into the "
            "defaults of conf/config.yaml"
        )
    return "keep its settings with `python -m stages.check_params --keep`"


def first_difference(left: Any, right: Any, where: str = "") -> str | None:
    """Name of the first setting in which two nested mappings differ."""
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return None if left == right else where
    for key in sorted(set(left) | set(right), key=str):
        path = f"{where}.{key}" if where else str(key)
        if key not in left or key not in right:
            return path
        found = first_difference(left[key], right[key], path)
        if found:
            return found
    return None
