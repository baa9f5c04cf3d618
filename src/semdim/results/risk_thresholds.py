"""risk_thresholds.json: thresholds on a score, with a certified risk of what they let through.

A monitor that is given the file holds back the tokens beyond a threshold. ``semdim.mistakes`` has
it calibrated (family 10), ``semdim.records`` writes and reads it.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from semdim.uncertainty.guardrail import Provenance, Role

Outcome = Literal["top1_error", "loss"]
"""What can be wrong with a prediction."""
LOSSES: dict[Outcome, str] = {
    "top1_error": "1 where another token than the next is more probable, else 0",
    "loss": "the smoothed loss at the next token",
}
"""Each in words."""
UNITS: dict[Outcome, str] = {"top1_error": "share of tokens", "loss": "bits"}
"""The unit of each, and of its risk."""


@dataclass(frozen=True)
class Elsewhere:
    """What a threshold lets through of a corpus that the theorem does not cover."""

    role: Role
    """How far the corpus is from the calibration's."""
    risk: float | None
    """Measured risk of what is let through; None: nothing is."""
    coverage: float
    """Share of tokens that is let through, the mean over documents."""
    n_documents: int
    """Documents measured."""
    n_tokens: int
    """Their tokens that have a prediction."""


@dataclass(frozen=True)
class RiskPoint:
    """A risk, and the threshold that keeps to it."""

    target_risk: float
    """r: the risk of what is let through is at most this, in the unit of the loss."""
    threshold: float | None
    """In the unit of the score; None: no threshold was certified for this risk."""
    coverage: float
    """At least this share of tokens is let through; 0 without a threshold."""
    measured_risk: float | None
    """On the calibration documents; None without a threshold."""
    measured_coverage: float
    """On them."""
    elsewhere: dict[str, Elsewhere]
    """What the threshold does on the other corpora; empty without one."""


@dataclass(frozen=True)
class RiskCurve:
    """Thresholds for several risks of one loss. They hold all at once: any may be chosen."""

    outcome: Outcome
    """What is counted as the loss of a token."""
    loss: str
    """That in words."""
    unit: str
    """Of the loss, and of every risk here."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest."""
    smoothing: float | None
    """α of the smoothed loss; None where nothing is smoothed."""
    lets_through: Literal["at most", "at least"]
    """Tokens with a score of at most, or of at least, the threshold are let through."""
    failure_prob: float
    """δ: the chance over calibrations that any point of this curve is wrong is at most this."""
    n_documents: int
    """Documents that calibrated."""
    n_tokens: int
    """Their tokens that have a prediction."""
    n_design_documents: int
    """Other documents, which fixed thresholds, their order, targets and direction beforehand."""
    points: tuple[RiskPoint, ...]
    """By target risk, ascending."""


@dataclass(frozen=True)
class RiskThresholds:
    """All of risk_thresholds.json."""

    SCHEMA: ClassVar[str] = "risk_thresholds/1"
    WRITTEN_BY: ClassVar[str] = "`dvc repro measure_errors`"

    score: str
    """Name of the score that is compared with the thresholds."""
    meaning: str
    """What it measures, and its unit."""
    corpus: str
    """The corpus that calibrated: the statement is about documents of its source."""
    sequences_per_document: int
    """First sequences of a document that the statement is about: as many as the sample has at
    most."""
    curves: tuple[RiskCurve, ...]
    """By outcome; each is a statement of its own at its δ."""
    assumptions: tuple[str, ...]
    """Under which the statements are theorems."""
    source: str
    """Where the theorem comes from."""
    provenance: Provenance | None
    """What the thresholds are for; None when the study was not told."""
