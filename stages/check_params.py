"""check_params: is params.yaml the composition of conf/, and is every value in it possible?

    python -m stages.check_params            check, and say what the pipeline would compute
    python -m stages.check_params --write    write params.yaml from conf/ (then commit it)

`dvc exp run -S ...` composes params.yaml itself, so in an experiment only the values are checked.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from semdim.artifacts.shards import write_atomically
from semdim.errors import ConfigError, SemdimError
from semdim.settings import read_settings
from stages import imported
from stages.common import ROOT
from stages.points import parse, refuse_contradictions

MEND = "`python -m stages.check_params --write`"


def composed(overrides: list[str] | None = None) -> str:
    """params.yaml as conf/ has it: the same text as DVC writes for an experiment.

    Raises:
        ConfigError: conf/ cannot be composed (an unknown choice lists those that exist), or two
            overrides contradict each other.
    """
    try:
        refuse_contradictions(parse(overrides or []))
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            config = compose("config", overrides=overrides or [])
        OmegaConf.resolve(config)
        return OmegaConf.to_yaml(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(f"conf/ cannot be composed: {error}") from error


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


def check(params: Path) -> dict[str, Any]:
    """The values of ``params``, once they are known to be possible and up to date.

    Raises:
        ConfigError: params.yaml is missing, is not the composition of conf/, or holds a value
            that is not possible.
    """
    if not params.exists():
        raise ConfigError(f"{params} is missing; write it with {MEND}.")
    text = params.read_text(encoding="utf-8")
    values = OmegaConf.to_container(OmegaConf.create(text))
    assert isinstance(values, dict)
    if "DVC_EXP_NAME" not in os.environ:
        expected = OmegaConf.to_container(OmegaConf.create(composed()))
        difference = first_difference(values, expected)
        if difference is not None:
            raise ConfigError(
                f"params.yaml is not the composition of conf/ (they differ in {difference}); "
                f"write it with {MEND}, or run an experiment with "
                "`dvc exp run -S group=choice`."
            )
    read_settings({str(key): value for key, value in values.items()})
    return {str(key): value for key, value in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.check_params", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write params.yaml from conf/")
    parser.add_argument("overrides", nargs="*", help="Hydra overrides, with --write")
    arguments = parser.parse_args()
    params, out = Path("params.yaml"), Path("outputs/params_checked")
    try:
        if arguments.write:
            text = composed(arguments.overrides)
            values = OmegaConf.to_container(OmegaConf.create(text))
            assert isinstance(values, dict)
            read_settings({str(key): value for key, value in values.items()})
            write_atomically(params, text)
            print(f"wrote {params}")
            return
        check(params)
        # Constant, so that checking again makes no stage behind it run again.
        write_atomically(out, "params.yaml is the composition of conf/\n")
    except SemdimError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    imported()
    main()
