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


_RECORD = re.compile(r"outputs/inputs/(\w+)/")


def refuse_unread(module: str, keys: Sequence[str], root: Path) -> None:
    """Refuse settings that a stage does not read: it would give the numbers of params.yaml, which
    other stages have computed, under the name of a setting that was never applied.

    Args:
        module: the stage's, as ``stages.tokenize``.
        keys: of the overrides, such as ``bound.k``. What params.yaml has no section of is left to
            Hydra.
        root: of the pipeline. What a stage reads is said in its dvc.yaml; where that is missing,
            or says nothing of the stage, nothing is refused.

    Raises:
        ConfigError: a setting is not read by the stage.
    """
    read = _read_by(module, root / "dvc.yaml")
    if read is None:
        return
    sections = set(re.findall(r"(?m)^(\w+):", _text(root / "params.yaml")))
    for key in keys:
        name = key.lstrip("+~").replace("/", ".")
        is_setting = name.partition(".")[0] in sections
        if is_setting and not any(_meets(name, known) for known in (*ANYWHERE, *read)):
            stage = module.rpartition(".")[2]
            raise ConfigError(
                f"{stage} does not read {name}: what it reads was computed with the value in "
                f"params.yaml, and its numbers would be those of that value. It reads "
                f"{', '.join(sorted(read))}. To compute with another value, run an experiment: "
                f"dvc exp run -S {name}=...; with --queue, several."
            )


def _meets(name: str, known: str) -> bool:
    """Whether a setting is another, a part of it, or a section that it is in; * is any part."""
    words = zip(name.split("."), known.split("."), strict=False)
    return all(one == other or other == "*" for one, other in words)


def _read_by(module: str, pipeline: Path) -> list[str] | None:
    """What dvc.yaml says that a stage reads of params.yaml, itself or as the record of a source;
    None: nothing is said."""
    for block in re.split(r"(?m)^(?=  \w+:$)", _text(pipeline)):  # to parse all takes a second
        if not re.search(rf"-m {re.escape(module)}\s", block):
            continue
        (stage,) = yaml.safe_load(block).values()
        params: list[Any] | None = stage.get("params")
        if params is None:
            return None
        # One of a unit, such as models.${item.model}, stands for its section.
        read = [str(name).partition(".${")[0] for name in params]
        records = {found[1] for dep in stage.get("deps", ()) if (found := _RECORD.match(dep))}
        # Only the export of an autoencoder reads which one; the others, how many were compared.
        is_export = module == "stages.prepare_sae"
        of_records = {"probes": "probes" if is_export else "probes.*.n_candidates"}
        return [*read, *(of_records.get(section, section) for section in records)]
    return None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
