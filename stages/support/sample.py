"""The ledger of the in-distribution sample, for the stages that compute bounds from it."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.bounds.family import needed_proxies
from semdim.bounds.needed import missing_losses
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError
from semdim.ledger.table import LOSS_PREFIX, read_ledger
from stages.support.run import Run

if TYPE_CHECKING:
    import pandas as pd


def read_sample(run: Run) -> "tuple[pd.DataFrame, Any]":
    """The rows and the facts of the sample's ledger, further columns joined; the points of a sweep
    share one read.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    sample = run.setting("grid.sample")
    paths = (run.paths.ledger(run.probe, sample), run.paths.further_ledger(run.probe, sample))
    states = [path.stat() if path.exists() else None for path in paths]
    changed = tuple((state.st_mtime_ns, state.st_size) if state else None for state in states)
    return _read_once(*paths, changed)


@functools.lru_cache(maxsize=2)
def _read_once(path: Path, further: Path, changed: object) -> "tuple[pd.DataFrame, Any]":
    """A ledger, read again only when a file has changed."""
    return read_ledger(path, further=further)


def n_candidates(run: Run) -> int:
    """SAEs that were measured on the sample before the probe's was chosen."""
    return int(run.source("probes", run.probe).get("n_candidates", 1))


def check_computed(run: Run, ledger: "pd.DataFrame", spec: BoundSpec, section: str) -> None:
    """Refuse bounds that need losses which the ledger does not have.

    section: the setting that asks for them.

    Raises:
        ConfigError: with the command that computes what is missing.
    """
    missing = [name for name in needed_proxies(spec) if LOSS_PREFIX + name not in ledger]
    if missing:
        lists = {"sweep": run.setting("grid.sweep"), "pool": run.setting("grid.pool")}
        raise ConfigError(missing_losses(missing, lists, section))
