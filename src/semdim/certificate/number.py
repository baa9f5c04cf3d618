"""One number of a certificate: what it is, its interval, and what the interval is worth."""

from dataclasses import dataclass
from typing import Literal

Worth = Literal["certificate", "approximation", "sample"]
"""A theorem under its assumptions; an interval that holds as n grows; a number of the sample."""


@dataclass(frozen=True)
class Number:
    """One number."""

    name: str
    """Its name in the JSON file."""
    title: str
    """Its name for readers."""
    quantity: str
    """What it is, in words that leave no choice open."""
    unit: str
    """Of the estimate and of the interval: ``bits``, ``atoms``, ``1`` (a share)."""
    estimate: float
    """Of the sample."""
    lower: float | None
    """Lower end of the interval; None: there is none."""
    upper: float | None
    """Upper end of the interval; None: there is none."""
    worth: Worth
    """What the interval is worth."""
    n: int
    """Independent units behind it."""
    n_of: str
    """What these are, such as ``documents``."""
    smoothing: float | None
    """α, where predictions are smoothed."""
    failure_prob: float | None
    """Part of δ that its interval spends; None: it has none."""
    range_low: float | None
    """The least that a unit can be, which the theorem needs."""
    range_high: float | None
    """The most."""
    theorem: str
    """Where the interval comes from; empty: there is none."""
    assumptions: tuple[str, ...]
    """What has to be true for it."""
    about: str = ""
    """A remark for readers."""

    @property
    def is_certificate(self) -> bool:
        """Whether the interval is a theorem under its assumptions."""
        return self.worth == "certificate"


@dataclass(frozen=True)
class NotStated:
    """A quantity that the ledger does not allow."""

    name: str
    """Its name."""
    reason: str
    """Why, in a sentence."""
