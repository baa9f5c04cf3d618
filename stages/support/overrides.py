"""Settings that are given to a stage on its command line: those that it reads, and no others."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from semdim.errors import ConfigError

#: Change no number, or no stage's alone: on any command line.
ANYWHERE = (
    "unit", "hydra", "plugins", "tracking", "engine.batch_sequences", "engine.device",
    "engine.n_threads", "engine.workers", "engine.ray_address", "engine.n_workers",
    "engine.gpus_per_worker",
)  # fmt: skip


def refuse_unread(module: str, keys: Sequence[str], pipeline: Path) -> None:
    """Refuse settings that a stage does not read: it would give the numbers of params.yaml, which
    other stages have computed, under the name of a setting that was never applied.

    Args:
        module: the stage's, as ``stages.tokenize``.
        keys: of the overrides, such as ``bound.k``.
        pipeline: dvc.yaml, where ``params`` says what a stage reads. Where it is missing, or says
            nothing of the stage, nothing is refused.

    Raises:
        ConfigError: a setting is not read by the stage.
    """
    read = _params_of(module, pipeline)
    if read is None:
        return
    for key in keys:
        name = key.lstrip("+~").replace("/", ".")
        if not any(_meets(name, known) for known in (*ANYWHERE, *read)):
            stage = module.rpartition(".")[2]
            raise ConfigError(
                f"{stage} does not read {name}: what it reads was computed with the value in "
                f"params.yaml, and its numbers would be those of that value. It reads "
                f"{', '.join(sorted(read))}. To compute with another value, run an experiment: "
                f"dvc exp run -S {name}=...; with --queue, several."
            )


def _meets(name: str, known: str) -> bool:
    """Whether a setting is another, a part of it, or a section that it is in."""
    return f"{name}.".startswith(f"{known}.") or f"{known}.".startswith(f"{name}.")


def _params_of(module: str, pipeline: Path) -> list[str] | None:
    """What dvc.yaml says that a stage reads of params.yaml; None: nothing is said."""
    if not pipeline.is_file():
        return None
    text = pipeline.read_text(encoding="utf-8")
    for block in re.split(r"(?m)^(?=  \w+:$)", text):  # to parse all of it takes a second
        if re.search(rf"-m {re.escape(module)}\s", block):
            (stage,) = yaml.safe_load(block).values()
            params: list[Any] | None = stage.get("params")
            # One of a unit, such as models.${item.model}, stands for its section.
            return None if params is None else [str(p).partition(".${")[0] for p in params]
    return None
