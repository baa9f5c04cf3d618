"""Where every artifact lives. The only place that spells a path of the pipeline."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Paths under a project's root: large artifacts in ``outputs/``, small results in git."""

    root: Path = Path(".")

    @property
    def partial(self) -> Path:
        """Unfinished work, one folder for each key."""
        return self.root / "outputs" / "partial"

    def model(self, model: str) -> Path:
        return self.root / "outputs" / model / "model"

    def sae(self, model: str) -> Path:
        return self.root / "outputs" / model / "sae"

    def hook(self, model: str) -> Path:
        """Where the model is cut; its own file, so that another SAE at the same hook point reuses
        the cached activations."""
        return self.root / "outputs" / model / "hook.json"

    def atom_order(self, model: str) -> Path:
        return self.root / "outputs" / model / "atom_order"

    def tokens(self, model: str, corpus: str) -> Path:
        return self.root / "outputs" / model / corpus / "tokens"

    def activations(self, model: str, corpus: str) -> Path:
        return self.root / "outputs" / model / corpus / "activations"

    def codes(self, model: str, corpus: str) -> Path:
        return self.root / "outputs" / model / corpus / "codes"

    def losses(self, model: str, corpus: str, proxy: str) -> Path:
        return self.root / "outputs" / model / corpus / "losses" / proxy

    def ledgers(self, model: str) -> Path:
        return self.root / "outputs" / model / "ledger"

    def ledger(self, model: str, corpus: str) -> Path:
        return self.ledgers(model) / f"{corpus}.parquet"

    def activation_fit(self, model: str) -> Path:
        """What the scores from activations know of the sample's fit documents."""
        return self.root / "outputs" / model / "activation_fit"

    def scores(self, model: str, corpus: str) -> Path:
        """Scores from activations, a row per token as in the ledger, which they do not touch."""
        return self.root / "outputs" / model / "scores" / f"{corpus}.parquet"

    @property
    def all_results(self) -> Path:
        return self.root / "results" / "models"

    def results(self, model: str) -> Path:
        return self.all_results / model

    @property
    def figures(self) -> Path:
        return self.root / "results" / "figures"

    @property
    def tables(self) -> Path:
        return self.root / "results" / "tables"

    @property
    def report(self) -> Path:
        return self.root / "results" / "report.html"
