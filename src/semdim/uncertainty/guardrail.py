"""guardrail.json as a typed value: the alarms, what they promise, what was measured.

``semdim.uncertainty.alarm`` and ``fixed_rule`` compute it, ``semdim.records`` writes and reads it.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from semdim.ledger.facts import LedgerFacts

Role = Literal["id", "near", "shifted", "far"]
"""What a corpus is to the study: the familiar one, or how far from it."""
Positions = Literal["all", "without_bos"]
"""Which tokens are counted: all, or neither position 0 nor BOS (``tokens.positions``)."""


@dataclass(frozen=True)
class Rates:
    """How many documents of a corpus raise the alarm."""

    rate: float
    """Their share, in [0, 1]."""
    low: float | None
    """Lower end of the bootstrap interval over documents; None for a single document."""
    high: float | None
    """Upper end."""
    n_sequences: int
    """Sequences looked at."""
    n_documents: int
    """Documents they are from."""


@dataclass(frozen=True)
class Spread:
    """Statistics of a number over fresh splits of the ID documents."""

    mean: float
    std: float
    """Of these values, not an estimate (ddof = 0)."""
    min: float
    q05: float
    q50: float
    q95: float
    max: float


@dataclass(frozen=True)
class Stability:
    """What fresh splits of the ID documents would have given, the choice of statistic included."""

    n_splits: int
    """Splits behind each spread."""
    chosen: dict[str, int]
    """In how many splits each statistic was used."""
    false_alarm_rate: Spread
    """Measured rates; their mean is the counterpart of the promise."""
    false_alarm_rate_with_confidence: Spread | None
    """The same with the thresholds that hold with confidence; None when there are none."""
    detection: dict[str, Spread]
    """Detection rates, by shift."""


@dataclass(frozen=True)
class Limit:
    """A threshold: of a statistic, after so many tokens of a sequence."""

    statistic: str
    """What is computed from the n_active of the tokens so far: a level, or moving_mean."""
    n_tokens: int
    """Tokens of the sequence at this look, position 0 not among them; the last look is its end."""
    threshold: float
    """Alarm when the statistic is above it (active atoms)."""
    threshold_with_confidence: float | None
    """The larger threshold that holds with ``Alarm.confidence``; None: too few documents."""


@dataclass(frozen=True)
class GroupLimits:
    """Thresholds for one group of documents, such as a source, from its own documents."""

    n_calibration: int
    """Documents of the group that were calibrated on."""
    limits: tuple[Limit, ...]
    """Empty when they are too few for the rate."""


@dataclass(frozen=True)
class Alarm:
    """When there is an alarm, and what is promised of it."""

    rule: str
    """When there is an alarm, in words."""
    limits: tuple[Limit, ...]
    """Alarm when any of them is exceeded in any of the first sequences of a document."""
    moving_length: int
    """Tokens in the mean of the statistic moving_mean."""
    sequences_per_document: int
    """First sequences of a document that the promise is about: as many as the sample has at
    most."""
    false_alarm_rate: float
    """The rate promised on a fresh ID document, in (0, 1), on average over calibrations."""
    confidence: float
    """Of the larger thresholds: the share of calibrations in which they keep to the rate."""
    false_alarm_rate_given_calibration: float
    """The rate that the smaller thresholds stay under in that share of calibrations."""
    guarantee: str
    """The promise in words, with its conditions."""
    guarantee_with_confidence: str
    """That of the larger thresholds."""
    n_choice: int
    """Documents on which the statistic was chosen and put on a scale; 0 when nothing was."""
    n_calibration: int
    """Documents calibrated on, none of them among the former."""
    rank: int
    """Which calibration document decides, counted from the calmest."""
    rank_with_confidence: int | None
    """Which one decides the larger thresholds; None: too few documents."""
    groups: dict[str, GroupLimits]
    """The same promise in each group of documents, where groups were told apart."""
    token_quantiles: dict[str, float]
    """n_active of the calibration documents' tokens, by percent: what is usual."""

    @property
    def at_end(self) -> Limit:
        """The threshold of the first statistic at the end of a sequence."""
        own = [limit for limit in self.limits if limit.statistic == self.limits[0].statistic]
        return own[-1]


@dataclass(frozen=True)
class Choice:
    """Why the alarm uses its statistic."""

    criterion: str
    """What was made small, in words."""
    candidates: dict[str, float | None]
    """The criterion of each statistic; None where it cannot be computed."""


@dataclass(frozen=True)
class Measured:
    """What the alarm did on documents that it was not calibrated on."""

    false_alarms: Rates
    """On the ID documents kept for evaluation."""
    false_alarms_by_length: dict[str, Rates]
    """The same by the number of a document's sequences: long ones are looked at more often."""
    detection: dict[str, Rates]
    """By shift."""


@dataclass(frozen=True)
class FixedRuleRow:
    """What "n_active > threshold" does on one corpus."""

    corpus: str
    role: Role
    positions: Positions
    n_tokens: int
    """Tokens looked at."""
    n_above: int
    """Tokens above the threshold."""
    n_outliers_above: int
    """Those of them whose activation is over ten times as long as usual."""
    token_rate: float
    """Share of tokens above the threshold."""
    token_rate_bound: float
    """What Cantelli's inequality allows, from mean and standard deviation of the same tokens."""
    n_sequences: int
    """Sequences looked at."""
    sequence_rate: float
    """Chance that a random sequence of a random document has a token above it."""
    document_rate: float
    """Share of documents with a token above it in any of their sequences."""


@dataclass(frozen=True)
class FixedRule:
    """The paper's rule, "k > 500" (section 4.2)."""

    rule: str
    """In words."""
    threshold: int
    """Active atoms."""
    corpora: tuple[FixedRuleRow, ...]
    """A row per corpus and choice of positions."""


@dataclass(frozen=True)
class Provenance:
    """What a threshold is for: everything on which it depends."""

    probe: str
    """Name of the probe, an SAE at a hook point of a model."""
    model: str
    model_fingerprint: str
    """sha256 over the model's weight files."""
    sae: str
    sae_fingerprint: str
    """sha256 over the SAE's weights and settings."""
    hook_name: str
    """TransformerLens's name of the hook point."""
    splice: str
    """Which positions count: with no_bos neither position 0 nor BOS is looked at."""
    context: int
    """Tokens of a sequence, BOS included."""
    compute_dtype: str
    """dtype of the forward passes of the calibration."""

    @classmethod
    def of(cls, probe: str, facts: "LedgerFacts") -> "Provenance":
        """From the facts of the in-distribution sample's ledger."""
        names = [entry.name for entry in fields(cls) if entry.name != "probe"]
        return cls(probe=probe, **{name: facts[name] for name in names})


@dataclass(frozen=True)
class Guardrail:
    """guardrail.json: the alarm on n_active, what it promises, and what was measured."""

    SCHEMA: ClassVar[str] = "guardrail/2"
    WRITTEN_BY: ClassVar[str] = "`dvc repro measure_uncertainty`"

    alarm: Alarm
    """What a monitor needs."""
    choice: Choice | None
    """None: the statistics were named beforehand."""
    measured: Measured
    """With the thresholds of the promise on average."""
    measured_with_confidence: Measured | None
    """With the larger thresholds; None: too few documents for them."""
    measured_by_group: dict[str, Rates]
    """False alarms of each group's own thresholds on its evaluation documents."""
    stability: Stability
    """How much the split matters."""
    fixed_rule: FixedRule
    """The paper's fixed threshold, for comparison."""
    provenance: Provenance | None
    """What the thresholds are for; None when the study was not told."""
