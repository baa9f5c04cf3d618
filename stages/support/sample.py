"""The ledger of the in-distribution sample, for the stages that compute bounds from it."""

from semdim.bounds.family import needed_proxies
from semdim.bounds.needed import missing_losses
from semdim.bounds.spec import BoundSpec
from semdim.errors import ConfigError
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.rows import Rows
from semdim.ledger.stream import LedgerStream
from semdim.ledger.table import LOSS_PREFIX
from stages.support.run import Run


def read_sample(run: Run) -> tuple[LedgerStream, LedgerFacts]:
    """The rows of the sample's ledger, further columns joined, to be read in stretches; its facts.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    sample = run.setting("grid.sample")
    ledger = LedgerStream(
        run.paths.ledger(run.probe, sample), run.paths.further_ledger(run.probe, sample)
    )
    return ledger, ledger.facts


def n_candidates(run: Run) -> int:
    """SAEs that were measured on the sample before the probe's was chosen."""
    return int(run.source("probes", run.probe).get("n_candidates", 1))


def check_computed(run: Run, ledger: Rows, spec: BoundSpec, section: str) -> None:
    """Refuse bounds that need losses which the ledger does not have.

    section: the setting that asks for them.

    Raises:
        ConfigError: with the command that computes what is missing.
    """
    missing = [name for name in needed_proxies(spec) if LOSS_PREFIX + name not in ledger.columns]
    if missing:
        lists = {"sweep": run.setting("grid.sweep"), "pool": run.setting("grid.pool")}
        raise ConfigError(missing_losses(missing, lists, section))
