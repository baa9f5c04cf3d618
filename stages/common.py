"""How a stage starts: params.yaml through Hydra, and one sentence for a mistake of the user."""

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # our own errors are printed without a traceback

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from semdim.artifacts.hashing import settings_digest, source_digest
from semdim.artifacts.shards import ShardWriter
from semdim.errors import SemdimError
from semdim.paths import Paths
from semdim.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Unit:
    """The part of the grid that one run of a stage works on."""

    model: str | None = None
    corpus: str | None = None
    proxy: str | None = None
    out: str | None = None


@dataclass(frozen=True)
class Run:
    """What a stage is given."""

    settings: Settings
    unit: Unit
    paths: Paths
    params: dict[str, Any]

    @property
    def model(self) -> str:
        """The model's name; refused when it is not in params.yaml."""
        self.settings.model(self.unit.model)
        return str(self.unit.model)

    @property
    def corpus(self) -> str:
        """The corpus's name; refused when it is not in params.yaml."""
        self.settings.corpus(self.unit.corpus)
        return str(self.unit.corpus)

    def writer(self, final: Path, *, inputs: list[Path], params: Any, n_shards: int) -> ShardWriter:
        """A writer whose key hashes everything that determines the artifact's content.

        Args:
            final: where the artifact will be.
            inputs: manifest or facts files of what it is computed from.
            params: the settings that it depends on.
            n_shards: its number of shards.
        """
        key = settings_digest(
            {
                "artifact": final.as_posix(),
                "inputs": {path.as_posix(): path.read_text() for path in inputs},
                "params": params,
                "source": source_digest(
                    "semdim.engine.activations",
                    "semdim.engine.codes",
                    "semdim.engine.encode",
                    "semdim.engine.importance",
                    "semdim.engine.losses",
                    "semdim.engine.pools",
                    "semdim.engine.proxies",
                    "semdim.engine.split",
                ),
            }
        )
        writer = ShardWriter(final, work=self.paths.partial, key=key[:32], n_shards=n_shards)
        done = n_shards - len(writer.missing)
        for name in writer.damaged:
            say(f"{name} of an earlier run is damaged and is computed again")
        if done:
            say(f"resuming: {done} of {n_shards} shards are there from an earlier run")
        return writer


def say(message: str) -> None:
    """One line for the person who watches."""
    print(message, flush=True)


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def stage(work: Callable[[Run], None]) -> Callable[[], None]:
    """Turn ``work`` into a script: compose, check, run; a `SemdimError` becomes one sentence."""

    @functools.wraps(work)
    def task(config: DictConfig) -> None:
        try:
            content = OmegaConf.to_container(config, resolve=True)
            assert isinstance(content, dict)
            params = {str(key): value for key, value in content.items()}
            unit = Unit(**params.pop("unit"))
            work(Run(read_settings(params), unit, Paths(Path(".")), params))
        except SemdimError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            sys.exit(1)

    main = hydra.main(config_path=str(ROOT / "conf"), config_name="stage", version_base=None)(task)
    return main
