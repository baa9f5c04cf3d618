"""One typed value for every bound: its terms, where δ went, what it assumes, what it is worth."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from semdim.bounds.budget import Budget
from semdim.bounds.quantities import loss_ceiling, loss_range
from semdim.bounds.validation import check_count
from semdim.bounds.windows import Windows
from semdim.errors import ConfigError, DataError

Unit = Literal["document", "sequence", "token"]
UNITS: tuple[Unit, ...] = ("document", "sequence", "token")
Dependence = Literal["independent units", "martingale"]
"""What lets a total be a theorem: units that are independent, or differences from conditional
means given the past, whatever the units' dependence."""

TERMS: dict[str, str] = {
    "proxy_risk": "mean smoothed loss on the sample",
    "gap": "mean |loss of the model − loss of the proxy| on the sample",
    "outside": "loss range × share of units that use an atom outside the pool",
    "complexity": "price of the class of proxies",
    "tail": "price of finite data, for the risk",
    "gap_tail": "price of finite data, for the gap",
}
"""The summands of a bound, in the order in which they are shown, in words."""


@dataclass(frozen=True)
class SampleSize:
    """How much was measured, and what counts as independent. Never a bare n."""

    n_tokens: int
    """Tokens that were used, BOS included (the paper's count)."""
    n_sequences: int | None
    """Sequences; None when a calculator was not told."""
    n_documents: int | None
    """Documents; None when a calculator was not told."""
    unit: Unit = "document"
    """What is taken to be independent."""
    n_predictions: int | None = None
    """Predicted tokens (BOS is not one): the units when the unit is the token."""
    n_tokens_asked: int | None = None
    """N of the grid, in whole sequences: what the sizes of one grid point have in common. None:
    there is no grid."""
    windows: Windows | None = None
    """Which windows of a document count; None: a calculator was not told."""
    is_partial: bool = False
    """Whether a document may lack some of the windows that its value is a mean over. The law of
    the values then depends on where the sample ends (`semdim.bounds.windows`)."""

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ConfigError(f"unit must be one of {', '.join(UNITS)}, got '{self.unit}'.")
        check_count(self.n_tokens, "n_tokens")
        if self.n_sequences is not None:
            check_count(self.n_sequences, "n_sequences")
        if self.n_documents is not None:
            check_count(self.n_documents, "n_documents")

    @property
    def n_units(self) -> int:
        """Number of independent units, which every concentration term divides by."""
        counts = {
            "token": self.n_predictions or self.n_tokens,
            "sequence": self.n_sequences,
            "document": self.n_documents,
        }
        count = counts[self.unit]
        if count is None:
            raise ConfigError(f"n_{self.unit}s is needed, because the unit is the {self.unit}.")
        return count

    @property
    def grid_n_tokens(self) -> int:
        """N of the grid, or the tokens that were used where there is no grid."""
        return self.n_tokens if self.n_tokens_asked is None else self.n_tokens_asked

    @property
    def is_honest(self) -> bool:
        """Whether the units can be independent draws from one law: whole documents, or sequences
        when no document has two."""
        if self.is_partial:
            return False
        if self.unit == "sequence":
            return self.n_sequences == self.n_documents
        return self.unit == "document"


@dataclass(frozen=True)
class Bound:
    """An upper bound as the sum of its terms, in bits. Terms that a family lacks are None."""

    family: str
    """Name of the family, as in docs/bounds.md."""
    is_certificate: bool
    """True when the total is a theorem under `assumptions`; False: a number to look at."""
    subject: str
    """What the total bounds, in words."""
    size: SampleSize
    vocab_size: int
    smoothing: float
    budget: Budget
    assumptions: tuple[str, ...]
    """What has to be true for the statement."""
    source: str
    """Theorem, equation, or reference."""
    proxy_risk: float | None = None
    gap: float | None = None
    outside: float | None = None
    complexity: float | None = None
    tail: float | None = None
    gap_tail: float | None = None
    k: int | float | None = None
    """Active atoms per token that the bound is at: a mean (published) or the most (top-k)."""
    dict_size: int | None = None
    pool_size: int | None = None
    proxy: str | None = None
    """Ledger column whose losses are used: `model`, `sae`, `topk_16`, `pool_512`, …"""
    method: str | None = None
    """Concentration method, where there is a choice."""
    dependence: Dependence = "independent units"
    """What the statement takes for granted of the units. `martingale` bounds a conditional mean of
    the units that were seen, of which tokens may be the unit."""
    n_units: int | None = None
    """Independent units behind the tail, where that is not all of the sample (a bin)."""
    valid_for_all_n: bool = False
    """True when the curve holds at every N at once, so that looking at it costs nothing."""
    is_risk: bool = True
    """False when the subject is a gap: then log2 V is no baseline for it."""
    details: Mapping[str, float | int | str] = field(default_factory=dict)
    """What else a reader of the row needs (edges of a bin, form of the certificate, …)."""

    def __post_init__(self) -> None:
        for name in TERMS:
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise DataError(f"The term '{name}' of {self.family} is {value}, not a number.")
        if self.is_certificate and self.budget.is_overspent:
            raise ConfigError(
                f"{self.family} spends {self.budget.spent:.6g} of a failure probability of "
                f"{self.budget.failure_prob:.6g}, so it is not a certificate."
            )
        needs_independence = self.dependence == "independent units"
        if self.is_certificate and needs_independence and self.size.is_partial:
            raise ConfigError(
                f"{self.family} is not a certificate: the sample ends within a round over the "
                "documents, so their values do not follow one law."
            )
        if self.is_certificate and needs_independence and not self.size.is_honest:
            raise ConfigError(
                f"{self.family} is not a certificate with the unit '{self.size.unit}': units of "
                "one document depend on each other."
            )

    @property
    def terms(self) -> dict[str, float]:
        """The summands that this family has, by name, in bits."""
        values = {name: getattr(self, name) for name in TERMS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def total(self) -> float:
        """The bound: sum of its terms, in bits. Never clipped to the ceiling."""
        return math.fsum(self.terms.values())

    @property
    def baseline(self) -> float | None:
        """log2 V, the loss of a uniform guess, in bits; None when the subject is a gap."""
        return math.log2(self.vocab_size) if self.is_risk else None

    @property
    def slack(self) -> float | None:
        """Baseline minus total: positive when the bound says more than a uniform guess."""
        return None if self.baseline is None else self.baseline - self.total

    @property
    def is_non_vacuous(self) -> bool:
        """Below log2 V (a risk), or below the range of the loss (a gap)."""
        limit = self.baseline
        return self.total < (
            loss_range(self.vocab_size, self.smoothing) if limit is None else limit
        )

    def to_row(self) -> dict[str, Any]:
        """One row of bounds.csv; None where the family has no such term. `details` follow."""
        row = {
            "family": self.family,
            "is_certificate": self.is_certificate,
            "unit": self.size.unit,
            "n_tokens": self.size.n_tokens,
            "n_tokens_asked": self.size.grid_n_tokens,
            "n_sequences": self.size.n_sequences,
            "n_documents": self.size.n_documents,
            "windows_per_document": self.size.windows and self.size.windows.per_document,
            "k": self.k,
            "smoothing": self.smoothing,
            "failure_prob": self.budget.failure_prob,
            "proxy_risk": self.proxy_risk,
            "gap": self.gap,
            "complexity": self.complexity,
            "tail": self.tail,
            "gap_tail": self.gap_tail,
            "total": self.total,
            "baseline": self.baseline,
            "outside": self.outside,
            "method": self.method,
            "proxy": self.proxy,
            "pool_size": self.pool_size,
            "n_units": self.n_units if self.n_units is not None else self.size.n_units,
            "valid_for_all_n": self.valid_for_all_n,
            "subject": self.subject,
            "failure_ledger": "; ".join(f"{s.name} {s.share:.6g}" for s in self.budget.shares),
        }
        return row | dict(self.details)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: the fields, and what is derived from them."""
        return asdict(self) | {
            "total": self.total,
            "baseline": self.baseline,
            "slack": self.slack,
            "loss_ceiling": loss_ceiling(self.vocab_size, self.smoothing),
            "loss_range": loss_range(self.vocab_size, self.smoothing),
        }
