"""Points of a sweep: what a stage computes with other settings than those of the pipeline.

    python -m stages.assemble_bound -m unit.probe=NAME bound.n_tokens=1000,10000 bound.k=16,32

Each point has a folder of its own below `hydra.sweep.dir`; when the last is done, a callback of
Hydra puts their rows together in `points.csv` there, or in the file `unit.out`. The results of the
pipeline are never touched.
"""

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
from semdim.flat import flattened
from semdim.reading import is_there, mapping, read_json, taken
from stages.support.run import ROW

REFUSED = "refused.txt"


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
                f"{key} is given twice, as {seen[key]} and as {line}: keep one of them; for a "
                f"sweep over both write the values into one, {key}=A,B, and start with -m."
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


def collect(folder: Path, out: Path) -> tuple[int, list[str]]:
    """Put the points below ``folder`` into one table, in the order of the sweep.

    Returns:
        the number of rows, and why the other points were refused.
    """
    import pandas as pd

    points = sorted((path for path in folder.glob("*") if path.name.isdigit()), key=_number)
    rows, refused = [], []
    for point in points:
        if (point / REFUSED).exists():
            refused.append((point / REFUSED).read_text(encoding="utf-8").strip())
        if is_there(point / ROW):
            row = read_json(point / ROW)
            config, results = (
                taken(row, key, mapping, point / ROW) for key in ("config", "results")
            )
            rows.append({"point": _number(point), **results, **flattened(config)})
    if rows:
        table = pd.DataFrame(rows)
        text = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        write_atomically(out, text)
    return len(rows), list(dict.fromkeys(refused))


def _number(point: Path) -> int:
    return int(point.name)


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
        n_rows, refused = collect(folder, out)
        if n_rows:
            print(f"{n_rows} points -> {out}", flush=True)
        for message in refused:
            print(f"error: {message}", file=sys.stderr, flush=True)
        if refused:
            sys.exit(1)
