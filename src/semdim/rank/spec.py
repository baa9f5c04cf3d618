"""What a ranking is asked for, fixed before the sample is seen."""

from dataclasses import dataclass

from semdim.bounds.concentration import BET_CAP
from semdim.fields import check, setting

#: Parts of δ by what they pay for; they sum to 1.
SHARES: dict[str, float] = {
    "order": 0.5,
    "differences": 0.25,
    "faithfulness": 0.125,
    "capped": 0.125,
}


@dataclass(frozen=True)
class RankSpec:
    """Settings of a ranking."""

    failure_prob: float = setting(0.05, above=0, below=1)
    """δ: probability with which any claim or interval of the table may be wrong; and the rate of
    false claims among those that `fdr` marks."""
    cap: float = setting(1.0, above=0, at_most=64)
    """c, bits: the order is that of the mean of min(change of a document's loss, c). A test that
    assumes nothing of the documents needs Δ·ln(1/δ)/d of them to see a difference d of values up
    to Δ; c takes Δ's place."""
    smoothing: float = setting(0.5, above=0, below=1)
    """α of the smoothed losses."""
    bet_cap: float = setting(BET_CAP, above=0, below=1)
    """Betting: largest part of the capital that one document may lose."""

    def __post_init__(self) -> None:
        check(self, "rank")

    def share(self, name: str) -> float:
        """The part of δ of one kind of statement."""
        return self.failure_prob * SHARES[name]
