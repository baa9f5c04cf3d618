"""The settings of the uncertainty study."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from semdim.errors import ConfigError

_SMALLEST = {
    "n_resamples": 20,
    "window": 1,
    "n_splits": 2,
    "fixed_threshold": 1,
    "histogram_bins": 1,
    "roc_points": 2,
    "n_clusters": 2,
    "neighbour_tokens": 1,
    "neighbour": 1,
}
"""The settings that are counts, and the smallest of each; the others are shares in (0, 1)."""


@dataclass(frozen=True)
class UncertaintySpec:
    """Settings of ``run_study``; the seed is not among them, it belongs to the whole run.

    Raises ``ConfigError`` for a value of the wrong kind or out of range.
    """

    fit_share: float = 0.5
    """Share of the ID documents, in (0, 1), on which scores are fitted and thresholds calibrated;
    the other documents are the only ID documents in any reported rate or AUROC."""
    n_resamples: int = 300
    """Bootstrap resamples (of documents) behind every interval, at least 20."""
    confidence: float = 0.95
    """Coverage of the bootstrap's percentile intervals, in (0, 1)."""
    false_alarm_rate: float = 0.05
    """The rate a that the guardrail promises on fresh ID documents, in (0, 1)."""
    window: int = 16
    """Tokens in the moving average of n_active that the windowed guardrail watches."""
    n_splits: int = 200
    """Fresh splits of the ID documents behind the guardrail's stability, at least 2."""
    fixed_threshold: int = 500
    """The paper's rule (section 4.2): an input is flagged when n_active exceeds this."""
    histogram_bins: int = 60
    """Histogram bins over 99.5 % of the tokens; the tail goes on at the same width."""
    roc_points: int = 64
    """Most points kept of one ROC curve, at least 2."""
    n_clusters: int = 16
    """Clusters of ID tokens that stand for the classes of the relative Mahalanobis distance, at
    least 2 (with one it is 0 everywhere)."""
    neighbour_tokens: int = 5000
    """ID tokens among which nearest neighbours are sought, a random subsample of the fit ones."""
    neighbour: int = 10
    """Which neighbour's distance is the score, at most neighbour_tokens."""

    def __post_init__(self) -> None:
        _check(asdict(self))
        if self.neighbour > self.neighbour_tokens:
            raise ConfigError(
                f"uncertainty.neighbour is {self.neighbour}, but uncertainty.neighbour_tokens is "
                f"{self.neighbour_tokens}; there is no such neighbour."
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "UncertaintySpec":
        """Build from the ``uncertainty`` section of the parameters; absent keys take the defaults.

        Raises ``ConfigError`` that names every unknown key and what it may have meant.
        """
        known = [field.name for field in fields(cls)]
        unknown = [str(key) for key in settings if key not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"uncertainty has no setting {', '.join(map(repr, unknown))}; it knows "
                f"{', '.join(known)}.{hint}"
            )
        _check(settings)  # before the constructor, whose types a checker may take at their word
        return cls(**settings)


def _check(settings: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for the first value of the wrong kind or out of range."""
    for name, value in settings.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name in _SMALLEST:
            if not is_number or not isinstance(value, int) or value < _SMALLEST[name]:
                raise ConfigError(
                    f"uncertainty.{name} is {value!r}; expected a whole number of at least "
                    f"{_SMALLEST[name]}."
                )
        elif not is_number or not 0 < value < 1:
            raise ConfigError(
                f"uncertainty.{name} is {value!r}; expected a number strictly between 0 and 1."
            )
