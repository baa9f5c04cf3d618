"""Points of a sweep: what a stage computes with other settings than those of the pipeline.

    python -m stages.assemble_bound -m unit.probe=NAME bound.n_tokens=1000,10000 bound.k=16,32

Each point has a folder of its own below `hydra.sweep.dir`; when the last is done, a callback of
Hydra puts their rows together in `points.csv` there, or in the file `unit.out`. The results of the
pipeline are never touched.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from semdim.artifacts.shards import write_atomically
from semdim.errors import ConfigError
from stages.support import collected
from stages.support.collected import REFUSED


def parse(arguments: Sequence[str]) -> list[Override]:
    """The overrides of a command line; its flags are left out."""
    given = [
        word for word in arguments if not word.startswith("-") and ("=" in word or "~" in word)
    ]
    return OverridesParser.create().parse_overrides(given)


def refuse_contradictions(overrides: Sequence[Override]) -> None:
    """Hydra lets the last of two values win, silently; here two different ones are a mistake.

    Raises:
        ConfigError: a setting is given twice, with different values.
    """
    seen: dict[str, str] = {}
    for override in overrides:
        key, line = override.get_key_element().lstrip("+~"), str(override.input_line)
        if seen.setdefault(key, line) != line:
            raise ConfigError(
                f"{key} is given twice, as {seen[key]} and as {line}: keep one of them. For a "
                f"sweep over both, write {key}=A,B and start with -m."
            )


def swept_values(overrides: Sequence[Override]) -> dict[str, list[Any]]:
    """Every value of every setting that a command line sweeps: a point knows its own values alone,
    and bounds that share δ have to know of all. What is set and not swept, every point knows; a
    glob chooses files and is no value."""
    return {
        override.get_key_element().lstrip("+~"): [_plain(v) for v in override.sweep_iterator()]
        for override in overrides
        if override.is_sweep_override() and override.value_type != ValueType.GLOB_CHOICE_SWEEP
    }


def _plain(value: Any) -> Any:
    """A value as Hydra sets it, not as it was quoted."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value.text if isinstance(value, QuotedString) else value


def point_folder() -> Path | None:
    """Where this point's results go; None when the run is the pipeline's own.

    The pipeline says which unit it wants and takes all else from params.yaml.
    """
    config = HydraConfig.get()
    own = [line for line in config.overrides.task if not line.startswith("unit.")]
    if config.mode == RunMode.MULTIRUN:
        return Path(config.sweep.dir) / str(config.sweep.subdir)
    asked = any(line.startswith("unit.out=") for line in config.overrides.task)
    return Path(config.sweep.dir) / "0" if own or asked else None


def refuse(folder: Path, message: str) -> None:
    """Note why a point of a multirun was not computed; `Collect` says it at the end."""
    write_atomically(folder / REFUSED, message + "\n")


def overridden(config: DictConfig) -> list[str]:
    """The settings of the command line, by dotted name, in its order: those swept first."""
    asked = OmegaConf.select(config, "unit.swept")
    swept = list(json.loads(asked)) if asked else []
    given = [o.get_key_element().lstrip("+~") for o in parse(list(config.hydra.overrides.task))]
    return [name for name in dict.fromkeys([*swept, *given]) if not name.startswith("unit.")]


class Collect(Callback):
    """Runs once, in the process that was started, whatever launcher ran the points."""

    def on_run_end(self, config: DictConfig, **_: Any) -> None:
        self._finish(config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        self._finish(config)

    def _finish(self, config: DictConfig) -> None:
        folder = Path(config.hydra.sweep.dir)
        if not folder.exists():
            return
        out = Path(OmegaConf.select(config, "unit.out") or folder / "points.csv")
        found = collected.collect(folder, overridden(config))
        if found.rows:
            side = collected.write(found, out)
            collected.show(found)
            print(f"{len(found.rows)} points -> {out}, their settings -> {side}", flush=True)
            collected.track(found, out)
        for message in found.refused:
            print(f"error: {message}", file=sys.stderr, flush=True)
        if found.refused:
            sys.exit(1)
