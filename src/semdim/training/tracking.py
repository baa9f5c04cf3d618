"""Where the numbers of a training run go: a file, and Weights & Biases (offline by default)."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError

MODES = ("offline", "online", "disabled")


class Tracker:
    """Appends each record to a JSON-lines file and hands it to wandb unless that is disabled."""

    def __init__(
        self, mode: str, *, project: str, config: Mapping[str, Any], folder: Path, every: int = 50
    ) -> None:
        """``every``: steps between records.

        Raises:
            ConfigError: an unknown mode.
        """
        if mode not in MODES:
            raise ConfigError(f"tracking.mode must be one of {', '.join(MODES)}, got {mode!r}")
        self.every = every
        self.path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = None
        if mode != "disabled":
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its last network look-up
            import wandb

            self._run = wandb.init(
                project=project,
                job_type="train_sae",
                config=dict(config),
                mode=mode,  # type: ignore[arg-type]
                dir=folder,
            )

    def log(self, record: Mapping[str, float], *, step: int) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": step, **record}) + "\n")
        if self._run is not None:
            self._run.log(dict(record), step=step)

    def finish(self, summary: Mapping[str, Any]) -> None:
        if self._run is not None:
            self._run.summary.update(dict(summary))
            self._run.finish()
