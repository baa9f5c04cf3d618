"""The settings of measure_errors."""

from dataclasses import dataclass
from typing import Literal

from semdim.fields import check, setting
from semdim.limits import limit


@dataclass(frozen=True)
class ErrorsSpec:
    """The ``errors`` group. Documents are split as in ``uncertainty``: what is fitted, and which
    way round a score is read, is learnt on the one half, and everything is reported on the other.
    """

    n_resamples: int = setting(
        300, at_least=20, **limit(100_000, "the ends of an interval no longer move")
    )
    """Resamples of documents behind every interval."""
    confidence: float = setting(0.95, above=0, below=1)
    """Coverage of the intervals."""
    k_bins: int = setting(10, at_least=2, **limit(1000, "each bin needs tokens of its own"))
    """Bins of n_active, of about equal count, in which errors and calibration are shown."""
    confidence_bins: int = setting(
        15, at_least=2, **limit(1000, "each bin needs tokens of its own")
    )
    """Bins of the largest probability behind the calibration error."""
    curve_points: int = setting(50, at_least=2, **limit(100_000, "no figure shows more points"))
    """Most points kept of one risk–coverage curve."""
    failure_prob: float = setting(0.05, above=0, below=1)
    """δ of each curve of certified risk against certified coverage."""
    n_thresholds: int = setting(
        20, at_least=2, **limit(10_000, "the coverage pays for each of them")
    )
    """Thresholds among which a certified one is sought."""
    target_shares: tuple[float, ...] = setting(
        (0.5, 0.6, 0.7, 0.8, 0.9, 0.95), above=0, below=1, ascending=True, one_is_a_list=True
    )
    """Risks to certify, as shares of the mean risk on the documents of the fit; each takes its
    share of δ. Empty: none."""
    monitor_score: Literal["n_active", "entropy", "one_minus_max_prob"] = setting("entropy")
    """The score whose certified thresholds go into risk_thresholds.json, which a monitor reads. It
    is named beforehand: the best of several curves would need a share of δ for each."""
    position_bins: int = setting(3, at_least=1, **limit(1000, "each needs calibration documents"))
    """Bins of the position, of equal count, with a guardrail threshold of their own."""
    frequency_bins: int = setting(3, at_least=1, **limit(1000, "each needs calibration documents"))
    """Bins of the token's frequency; each pair of bins has its threshold."""

    most_tokens: int = setting(
        262_144, at_least=1000, **limit(100_000_000, "the study holds them in memory")
    )
    """Tokens of a corpus that the study ranks; of a larger one whole documents are drawn at random.
    It needs about one kilobyte for each."""

    def __post_init__(self) -> None:
        check(self, "errors")
