"""guardrail.json as a typed value: the alarms, what they promise, what was measured.

``semdim.uncertainty.alarm`` and ``fixed_rule`` compute it, ``semdim.records`` writes and reads it.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from semdim.ledger.facts import LedgerFacts

Statistic = Literal["max_n_active", "window_n_active"]
"""What is compared with the threshold, of each sequence."""
Role = Literal["id", "near", "shifted", "far"]
"""What a corpus is to the study: the familiar one, or how far from it."""
Positions = Literal["all", "without_bos"]
"""Which tokens are counted: all, or neither position 0 nor BOS (``tokens.positions``)."""


@dataclass(frozen=True)
class Rates:
    """How often sequences of a corpus raise an alarm, documents counting alike."""

    rate: float
    """Chance that a random sequence of a random document raises it, in [0, 1]."""
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
    """What fresh splits of the ID documents and fresh draws of sequences would have given."""

    n_splits: int
    """Splits behind each spread."""
    threshold: Spread
    """Thresholds."""
    false_alarm_rate: Spread
    """Measured rates; their mean is the counterpart of the promise."""
    detection: dict[str, Spread]
    """Detection rates, by shift."""


@dataclass(frozen=True)
class Alarm:
    """One alarm: a statistic of a sequence, its threshold, a promise and measurements."""

    statistic: Statistic
    """What is compared with the threshold."""
    rule: str
    """When there is an alarm, in words."""
    threshold: float
    """Alarm when the statistic is above it (active atoms)."""
    false_alarm_rate: float
    """The rate promised on a fresh ID document, in (0, 1)."""
    false_alarm_rate_given_calibration: float
    """The rate that the alarm stays under in a share ``uncertainty.confidence`` of all calibration
    samples."""
    guarantee: str
    """The promise in words, with its conditions."""
    n_calibration: int
    """Documents calibrated on."""
    calibration_unit: str
    """What was taken from each."""
    measured_false_alarm_rate: float
    """The rate on the ID documents kept for evaluation."""
    detection_rate: dict[str, float]
    """The rate on each shift."""
    false_alarms: Rates
    """The measured false-alarm rate with its interval."""
    detection: dict[str, Rates]
    """The detection rates with theirs, by shift."""
    stability: Stability
    """How much the split and the draw matter."""


@dataclass(frozen=True)
class WindowAlarm(Alarm):
    """The alarm on a moving average."""

    length: int
    """Consecutive tokens in the mean."""


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
class Guardrail(Alarm):
    """guardrail.json: the alarm on the largest n_active of a sequence, and its relatives."""

    SCHEMA: ClassVar[str] = "guardrail/1"

    window: WindowAlarm
    """The alarm on the largest mean over a window, calibrated on the same documents."""
    fixed_rule: FixedRule
    """The paper's fixed threshold, for comparison."""
    provenance: Provenance | None
    """What the thresholds are for; None when the study was not told."""
