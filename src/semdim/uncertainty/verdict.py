"""verdict.json as a typed value: the facts from which a report says what n_active is worth.

``semdim.uncertainty.comparison`` computes it, ``semdim.records`` writes and reads it.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from semdim.uncertainty.guardrail import Role

Outcome = Literal["better", "undecided", "worse"]
Direction = Literal["more", "fewer", "undecided"]
Level = Literal["token", "sequence_mean", "sequence_max"]
"""What is ranked: tokens, or sequences by the mean or the maximum over their tokens."""


@dataclass(frozen=True)
class Comparison:
    """A contender against another score, paired over resampled documents."""

    score: str
    """The other score."""
    family: str
    uses_labels: bool
    """Whether the other score looks at the true next token."""
    auroc: float
    """The other score's."""
    difference: float
    """AUROC of the contender minus the other's."""
    low: float | None
    """Lower end of the interval of the difference; None when a corpus is a single document."""
    high: float | None
    """Upper end."""
    outcome: Outcome
    """better or worse when the interval leaves out 0. No correction is made for many comparisons:
    read single ones with care."""


@dataclass(frozen=True)
class Standing:
    """Scores without the label that a contender is better than, worse than, or cannot be told
    apart from, in the order of the tables."""

    better: tuple[str, ...]
    undecided: tuple[str, ...]
    worse: tuple[str, ...]


@dataclass(frozen=True)
class Contender:
    """How a form of the paper's score fares on a shift."""

    auroc: float
    low: float | None
    high: float | None
    record: Standing
    against: tuple[Comparison, ...]
    """Each of the other scores."""


@dataclass(frozen=True)
class Best:
    """The score with the highest AUROC."""

    score: str
    auroc: float


@dataclass(frozen=True)
class LevelVerdict:
    """A shift at one level."""

    direction: Direction
    """Whether the shift has more active atoms than ID text: n_active's AUROC against 0.5."""
    best: Best
    best_label_free: Best
    """Among the scores that do without the label."""
    best_label_free_rival: Best | None
    """The same without the contenders; None when there is no other."""
    contenders: dict[str, Contender]
    """By score."""


@dataclass(frozen=True)
class AlarmSummary:
    """The guardrail in short: shares of documents."""

    statistics: tuple[str, ...]
    """What it looks at."""
    false_alarm_rate: float
    """The promise."""
    measured_false_alarm_rate: float
    detection_rate: dict[str, float]
    """By shift."""


@dataclass(frozen=True)
class RuleRates:
    """What the paper's fixed rule does on a corpus, position 0 left out."""

    role: Role
    sequence_rate: float
    token_rate: float
    token_rate_bound: float
    """Cantelli's bound on token_rate."""


@dataclass(frozen=True)
class RuleSummary:
    """The paper's fixed rule on every corpus."""

    rule: str
    corpora: dict[str, RuleRates]


@dataclass(frozen=True)
class SpecialPositions:
    """n_active at position 0 and BOS tokens, which nothing else looks at."""

    n_tokens: int
    n_distinct: int
    """Different values of n_active among them."""
    mean: float
    min: int
    max: int


@dataclass(frozen=True)
class ScoreFacts:
    """A score in words."""

    meaning: str
    family: str
    """What has to be computed to have it: code, activation, prediction or input."""
    uses_labels: bool
    """Whether it looks at the true next token."""
    two_sided: bool
    """Whether it is a distance from the ID mean."""


@dataclass(frozen=True)
class FittedOn:
    """What the distances between activations were fitted on (``activation_scores``)."""

    sample: str
    """The ID corpus."""
    n_tokens: int
    n_outliers: int
    """Tokens left out because their activation is too long."""
    norm_limit: float
    """The length from which on it is."""
    n_clusters: int
    bank_tokens: int
    """Tokens among which neighbours are sought."""
    neighbour: int
    """Which neighbour's distance counts."""
    shrinkage: float
    """Share of the identity in the covariance."""
    shrinkage_within: float
    """The same in the covariance within clusters."""


@dataclass(frozen=True)
class Verdict:
    """verdict.json."""

    SCHEMA: ClassVar[str] = "verdict/2"

    id_corpus: str
    """Name of the familiar corpus."""
    roles: dict[str, Role]
    """Of every corpus, as the settings give them."""
    n_active_is_constant: bool
    """True for a TopK autoencoder, whose n_active can signal nothing."""
    n_fit_documents: int
    """ID documents that anything may be fitted or calibrated on."""
    n_evaluation_documents: int
    """ID documents that enter rates and AUROCs."""
    n_resamples: int
    """Bootstrap resamples of documents behind every interval."""
    confidence: float
    """Coverage of the intervals."""
    mean_n_active: dict[str, float]
    """Per corpus, position 0 left out."""
    by_shift: dict[str, dict[Level, LevelVerdict]]
    """Per shift and level."""
    guardrail: AlarmSummary
    fixed_rule: RuleSummary
    position_zero: dict[str, SpecialPositions]
    """Per corpus."""
    scores: dict[str, ScoreFacts]
    """The scores that were compared, in the order of the tables."""
    activation_fit: FittedOn | None
    """None: no score from activations that was fitted is among them."""
    warnings: tuple[str, ...]
    """What a reader must know before the numbers."""
