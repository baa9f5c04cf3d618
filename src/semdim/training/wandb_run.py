"""Where the numbers of a training run go: a file, and Weights & Biases (offline by default)."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from semdim.tracking import TrackingSpec, start


class Tracker:
    """Appends each record to a JSON-lines file and hands it to wandb unless that is disabled."""

    def __init__(
        self,
        mode: str,
        *,
        project: str,
        config: Mapping[str, Any],
        folder: Path,
        every: int = 50,
        say: Callable[[str], None] = print,
    ) -> None:
        """``every``: steps between records.

        Raises:
            ConfigError: an unknown mode.
        """
        spec = TrackingSpec(mode, project)
        self.every = every
        self.path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._tracked = start(spec, job_type="train_sae", config=config, say=say, folder=folder)

    def log(self, record: Mapping[str, float], *, step: int) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": step, **record}) + "\n")
        self._tracked.log(record, step=step)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._tracked.numbers(summary)
        self._tracked.finish()
