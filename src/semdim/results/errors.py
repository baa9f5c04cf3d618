"""errors.json: what k says about the model's own errors, beyond what is known without it."""

from dataclasses import dataclass
from typing import ClassVar, Literal

Direction = Literal["more", "fewer", "undecided"]


@dataclass(frozen=True)
class KVerdict:
    """What k says about one outcome, on documents that nothing was fitted on."""

    outcome: str
    """top1_error: another token than the next one is the most probable; nll: the loss, bits."""
    measure: Literal["auroc", "spearman"]
    """What the values below are: AUROC of a wrong token against a right one, or rank correlation
    with the loss."""
    value: float
    """Of k, read as the paper reads it: more active atoms, less trust."""
    low: float
    """Lower end of its interval over resampled documents."""
    high: float
    """Upper end."""
    direction: Direction
    """Whether wrong tokens have more or fewer active atoms; undecided: the interval holds the value
    of a coin toss."""
    within: float | None
    """The same inside documents: AUROC over pairs of one document, or mean rank correlation; None:
    no document has both a wrong and a right token."""
    partial: float
    """Partial rank correlation of k with the outcome given position, frequency and entropy."""
    partial_low: float
    """Lower end of its interval."""
    partial_high: float
    """Upper end."""
    partial_p: float | None
    """Its p-value, Holm-adjusted over the scores; None: it does not vary."""
    gain: float
    """What k adds to a prediction from position, frequency and entropy, in the measure above."""
    gain_low: float
    """Lower end of its interval."""
    gain_high: float
    """Upper end."""
    best: str
    """The best score that needs no label, in the direction that the documents of the fit show."""
    best_value: float
    """Its value."""


@dataclass(frozen=True)
class VarianceShare:
    """What some factors explain of the variance of k over tokens, their effects added up."""

    of: Literal["n_active", "log2(1 + n_active)"]
    """The quantity. A few massive activations decide the variance of the first."""
    factors: tuple[str, ...]
    """position, token, document."""
    adjusted: float
    """Share of the variance, adjusted for the number of levels."""
    plain: float
    """R², which grows with the number of levels alone."""
    n_levels: int
    """Free effects."""


@dataclass(frozen=True)
class Errors:
    """All of errors.json; special positions and those that predict nothing are left out."""

    SCHEMA: ClassVar[str] = "errors/1"

    n_tokens: int
    """Tokens that are reported."""
    n_documents: int
    """Their documents."""
    n_fit_documents: int
    """Documents on which scores, directions and bins were learnt."""
    n_resamples: int
    """Resamples of the documents behind each interval."""
    confidence: float
    """Coverage of the intervals."""
    means: dict[str, float]
    """Mean of each outcome on the reported tokens."""
    false_alarm_rate: float
    """a: promised by each threshold of mondrian.csv."""
    verdicts: tuple[KVerdict, ...]
    """By outcome."""
    variance: tuple[VarianceShare, ...]
    """Of k over all tokens of the sample."""
    notes: tuple[str, ...]
    """What could not be computed, and why, in sentences."""
