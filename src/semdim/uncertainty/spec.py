"""The settings of the uncertainty study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semdim.fields import SettingError, check, read, setting
from semdim.limits import ATOMS, POSITIONS, limit

_SHARE: dict[str, Any] = {"above": 0, "below": 1}


@dataclass(frozen=True)
class UncertaintySpec:
    """Settings of ``run_study``; the seed is not among them, it belongs to the whole run.

    Raises ``ConfigError`` for a value of the wrong kind or out of range.
    """

    fit_share: float = setting(0.5, **_SHARE)
    """Share of the ID documents, in (0, 1), on which scores are fitted and thresholds calibrated;
    the other documents are the only ID documents in any reported rate or AUROC."""
    n_resamples: int = setting(
        300, at_least=20, **limit(100_000, "the ends of an interval no longer move")
    )
    """Bootstrap resamples (of documents) behind every interval, at least 20."""
    n_refits: int = setting(6, at_least=0, **limit(10_000, "the spread no longer moves"))
    """Draws of fit documents on which every fitted score is fitted again, so that its interval
    holds what another fit would have given; below 2 it is that of this fit."""
    refit_sequences: int = setting(
        64, at_least=1, **limit(1_000_000, "no corpus has as many in a refit")
    )
    """Sequences of each corpus, and as many of the fit documents, that refits from activations
    score."""
    confidence: float = setting(0.95, **_SHARE)
    """Coverage of the bootstrap's percentile intervals, in (0, 1)."""
    false_alarm_rate: float = setting(0.05, **_SHARE)
    """The rate a that the guardrail promises on fresh ID documents, in (0, 1)."""
    guardrail_confidence: float = setting(0.95, **_SHARE)
    """Of the guardrail's larger thresholds: the share of calibration samples in which they keep to
    the rate, in (0, 1)."""
    guardrail_statistics: tuple[str, ...] = setting((), distinct=True, not_blank=True)
    """Statistics of n_active that the guardrail watches together, named beforehand; none: one of
    ``guardrail_candidates`` is chosen."""
    guardrail_candidates: tuple[str, ...] = setting(
        (
            "sequence_median",
            "sequence_mean",
            "sequence_trimmed_mean",
            "sequence_q25",
            "sequence_q75",
            "sequence_max",
            "moving_mean",
        ),
        distinct=True,
        not_empty=True,
    )
    """Statistics of which one is chosen, by the smallest spread between familiar documents."""
    guardrail_looks: tuple[int, ...] = setting(
        (16, 32, 64), ascending=True, at_least=1, **POSITIONS
    )
    """Tokens of a sequence after which it is judged, beside its end."""
    guardrail_choice_share: float = setting(0.33, **_SHARE)
    """Share of the fit documents, in (0, 1), on which the statistic is chosen and several are put
    on one scale; the others calibrate. Not needed for a single statistic without looks."""
    guardrail_by_source: bool = False
    """Whether each source of the ID corpus gets thresholds of its own, with the same promise."""
    window: int = setting(16, at_least=1, **POSITIONS)
    """Tokens in the guardrail's statistic moving_mean."""
    n_splits: int = setting(200, at_least=2, **limit(100_000, "the spread no longer moves"))
    """Fresh splits of the ID documents behind the guardrail's stability, at least 2."""
    fixed_threshold: int = setting(500, at_least=1, **ATOMS)
    """The paper's rule (section 4.2): an input is flagged when n_active exceeds this."""
    histogram_bins: int = setting(60, at_least=1, **limit(10_000, "no figure shows more bars"))
    """Histogram bins over 99.5 % of the tokens; the tail continues at the same width."""
    roc_points: int = setting(64, at_least=2, **limit(100_000, "no figure shows more points"))
    """Most points kept of one ROC curve, at least 2."""
    n_clusters: int = setting(16, at_least=2, **limit(10_000, "each needs tokens of its own"))
    """Clusters of ID tokens that stand for the classes of the relative Mahalanobis distance, at
    least 2 (with one it is 0 everywhere)."""
    neighbour_tokens: int = setting(
        5000, at_least=1, **limit(10**6, "every token is compared with all of them")
    )
    """ID tokens among which nearest neighbours are sought, a random subsample of the fit ones."""
    neighbour: int = setting(10, at_least=1, **limit(10**6, "neighbour_tokens cannot be more"))
    """Which neighbour's distance is the score, at most neighbour_tokens."""

    def __post_init__(self) -> None:
        check(self, "uncertainty")
        if self.neighbour > self.neighbour_tokens:
            raise SettingError(
                "uncertainty",
                f"neighbour = {self.neighbour} must be at most neighbour_tokens = "
                f"{self.neighbour_tokens}: there is no such neighbour.",
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "UncertaintySpec":
        """Build from the ``uncertainty`` section of the parameters; absent keys take the defaults.

        Raises ``ConfigError`` for whatever is not possible.
        """
        return read(cls, settings, "uncertainty")
