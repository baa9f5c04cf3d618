"""What a certificate is asked for, fixed before the sample is seen."""

from dataclasses import dataclass

from semdim.bounds.concentration import BET_CAP
from semdim.fields import check, setting

#: Parts of δ by quantity; they sum to 1, and none depends on the sample.
SHARES: dict[str, float] = {
    "faithfulness": 0.25,
    "signed_change": 0.1,
    "kl": 0.25,
    "top1_agreement": 0.15,
    "l0": 0.1,
    "loss_recovered": 0.1,
    "unseen_atoms": 0.05,
}


@dataclass(frozen=True)
class CertificateSpec:
    """Settings of a certificate."""

    failure_prob: float = setting(0.05, above=0, below=1)
    """δ: probability with which any of its intervals may be wrong."""
    smoothing: float = setting(0.5, above=0, below=1)
    """α of the smoothed losses. KL is at the α that the ledger was computed with."""
    windows_per_document: int | None = setting(None, at_least=1, at_most=10**12)
    """W: a document's value is the mean over its first W windows; None: the number of complete
    rounds of the sample."""
    n_candidates: int = setting(1, at_least=1, at_most=10**9)
    """Autoencoders that were measured on this text before this one was chosen; δ is divided among
    them."""
    bet_cap: float = setting(BET_CAP, above=0, below=1)
    """Betting: largest part of the capital that one value may lose."""

    def __post_init__(self) -> None:
        check(self, "certificate")

    def share(self, name: str) -> float:
        """The part of δ of a quantity."""
        return self.failure_prob * SHARES[name] / self.n_candidates
