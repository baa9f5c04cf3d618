"""How a stage starts: params.yaml through Hydra, and one sentence for a mistake of the user."""

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # our own errors are printed without a traceback

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from semdim.artifacts.hashing import settings_digest, source_digest
from semdim.artifacts.shards import ShardWriter
from semdim.bounds.spec import BoundSpec
from semdim.errors import SemdimError
from semdim.ledger.table import LOSS_PREFIX, read_ledger
from semdim.paths import Paths
from semdim.settings import Settings, read_settings
from semdim.tracking import Tracked, TrackingSpec, git_commit, lock_hashes, start
from stages import imported, points

if TYPE_CHECKING:
    import pandas as pd

    from semdim.ledger.facts import LedgerFacts

# Wanted: conf/hydra/launcher sets a launcher's values, and its plugin's schema checks their types.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")

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
    point: Path | None = None
    """Where the results go when they are a point of a sweep and not the pipeline's."""

    @property
    def results(self) -> Path:
        """Where the small results of the model go."""
        return self.point or self.paths.results(self.model)

    def record(self, results: Mapping[str, Any]) -> None:
        """Of a point of a sweep: its row in points.csv. Nothing in the pipeline."""
        if self.point is not None:
            points.write_row(self.point, {"model": self.model, **results}, self.params)

    @contextmanager
    def tracked(self, job_type: str) -> Iterator[Tracked]:
        """Track this run of a stage as ``tracking`` says; the points of a sweep are not tracked."""
        spec = self.settings.tracking if self.point is None else TrackingSpec()
        lock, unit = lock_hashes(Path("dvc.lock")), {"model": self.unit.model}
        tracked = start(
            spec,
            job_type=job_type,
            name=" ".join(filter(None, (job_type, self.unit.model))),
            config={**self.params, "unit": unit, "git_commit": git_commit(), "dvc_lock": lock},
            say=say,
            lock=lock,
        )
        try:
            yield tracked
        finally:
            tracked.finish()

    def read_sample(
        self, spec: BoundSpec, section: str = "bound"
    ) -> "tuple[pd.DataFrame, LedgerFacts]":
        """The ledger of the model's in-distribution sample; the points of a sweep share one read.

        spec: the bounds that are to be computed from it; section: the setting that asks for them.

        Raises:
            ArtifactError: there is none, or it is damaged.
            ConfigError: it has no losses of a proxy that the bounds need.
        """
        path = self.paths.ledger(self.model, self.settings.grid.sample)
        stat = path.stat() if path.exists() else None
        ledger, facts = _read_once(path, stat and stat.st_mtime_ns, stat and stat.st_size)
        columns = [str(name) for name in ledger if str(name).startswith(LOSS_PREFIX)]
        proxies = [name.removeprefix(LOSS_PREFIX) for name in columns]
        self.settings.check_computed(proxies, spec, section)
        return ledger, facts

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
                    "semdim.activations.cache",
                    "semdim.codes.sparse",
                    "semdim.codes.encode",
                    "semdim.atoms.gradient",
                    "semdim.proxies.losses",
                    "semdim.activations.norms",
                    "semdim.atoms.importance",
                    "semdim.proxies.reconstruct",
                    "semdim.forward.split",
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


@functools.lru_cache(maxsize=2)
def _read_once(
    path: Path, changed: int | None, size: int | None
) -> "tuple[pd.DataFrame, LedgerFacts]":
    """A ledger, read again only when its file has changed."""
    return read_ledger(path)


def say(message: str) -> None:
    """One line for the person who watches."""
    print(message, flush=True)


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def stage(work: Callable[[Run], None]) -> Callable[[], None]:
    """Turn ``work`` into a script: compose, check, run; a `SemdimError` becomes one sentence.

    In a multirun the refused points are told at its end, and the others are computed.
    """

    @functools.wraps(work)
    def task(config: DictConfig) -> None:
        point = points.point_folder()
        try:
            content = OmegaConf.to_container(config, resolve=True)
            assert isinstance(content, dict)
            params = {str(key): value for key, value in content.items()}
            unit = Unit(**params.pop("unit"))
            work(Run(read_settings(params), unit, Paths(Path(".")), params, point))
        except SemdimError as error:
            if point is not None and HydraConfig.get().mode == RunMode.MULTIRUN:
                return points.refuse(point, str(error))
            _refuse(str(error))

    main = hydra.main(config_path=str(ROOT / "conf"), config_name="stage", version_base=None)(task)

    def started() -> None:
        imported()
        try:
            sys.argv[1:] = _completed(sys.argv[1:])
            main()
        except (SemdimError, HydraException, OmegaConfBaseException) as error:
            _refuse(str(error).strip())

    return started


def _completed(arguments: list[str]) -> list[str]:
    """The command line with what its points have to know of each other.

    Raises:
        ConfigError: two of its overrides contradict each other.
    """
    overrides = points.parse(arguments)
    points.refuse_contradictions(overrides)
    if not {"-m", "--multirun"} & set(arguments) or not Path("params.yaml").exists():
        return arguments
    params: Any = OmegaConf.to_container(OmegaConf.load("params.yaml"))
    shared = points.predeclared(overrides, params["bound"])
    if shared is None:
        return arguments
    added = [f"bound.n_predeclared={shared}"]
    if not any(override.get_key_element() == "bound.sparsity_bins" for override in overrides):
        # Its bins are given at the largest N alone and pay for one N: not for every point.
        added.append("bound.sparsity_bins=0")
    say(f"δ is shared by the {shared} points of N and α; added: {' '.join(added)}")
    return [*arguments, *added]


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)
