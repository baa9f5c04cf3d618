"""Keeping the settings of an experiment: its params.yaml becomes the default run's.

After ``dvc exp run -S …`` params.yaml holds the experiment's settings, which conf/ does not. Kept,
what differs is written into the experiment that conf/config.yaml chooses by itself.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from semdim.artifacts.shards import write_atomically
from semdim.errors import ConfigError
from stages import ROOT
from stages.support.configuration import composed, first_difference, plain

_HEAD = "# @package _global_\n"


def keep(params: Path, conf: Path = ROOT / "conf") -> Path:
    """Write into conf/ what params.yaml has otherwise; returns the file that was written.

    Raises:
        ConfigError: there is nothing to keep, or the two differ in what is chosen (models, probes,
            corpora): a choice is made in conf/config.yaml. Nothing is changed then.
    """
    wanted, there = plain(params), plain(composed(conf=conf))
    changes = differing(there, wanted)
    if not changes:
        raise ConfigError(
            f"{params} already is the composition of conf/: there is nothing to keep."
        )
    path = conf / "experiment" / f"{default_experiment(conf)}.yaml"
    before = path.read_text(encoding="utf-8")
    content = yaml.safe_load(before) or {}
    write_atomically(
        path, _head(before) + yaml.safe_dump(merged(content, changes), sort_keys=False)
    )
    left = first_difference(wanted, plain(composed(conf=conf)))
    if left is not None:
        write_atomically(path, before)
        raise ConfigError(
            f"{left} in {params} comes from another choice of models, probes or corpora, which is "
            f"not a value: write that choice into the defaults of {conf.name}/config.yaml, or "
            "drop it with `python -m stages.check_params --write`."
        )
    return path


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The values of ``new``, nested, that ``old`` does not have; ``axes`` follow from the rest."""
    found: dict[str, Any] = {}
    for key, value in new.items():
        if key == "axes" or (key in old and old[key] == value):
            continue
        inner = old.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            found[key] = differing(inner, value)
        else:
            found[key] = value
    return found


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, those of ``new`` over those of ``old``."""
    found = dict(old)
    for key, value in new.items():
        inner = found.get(key)
        is_nested = isinstance(value, Mapping) and isinstance(inner, Mapping)
        found[key] = merged(inner, value) if is_nested else value  # type: ignore[arg-type]
    return found


def default_experiment(conf: Path) -> str:
    """The experiment that conf/config.yaml chooses."""
    content = yaml.safe_load((conf / "config.yaml").read_text(encoding="utf-8"))
    for entry in content["defaults"]:
        if isinstance(entry, dict) and "experiment" in entry:
            return str(entry["experiment"])
    raise ConfigError(f"{conf}/config.yaml chooses no experiment: add `- experiment: main`.")


def _head(text: str) -> str:
    """The comments before the first value, which say whose file it is."""
    lines = []
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines) or _HEAD
