"""What a model's losses gain on text that it may have seen: documents before it was frozen, and
after.

The interval of the difference is a theorem about the two laws that the documents are drawn from.
That the difference is due to what the model has seen is none: it takes that documents of the two
kinds differ in nothing else that matters to the loss.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.unpaired import unpaired_difference
from semdim.certificate.documents import Documents
from semdim.certificate.spec import CertificateSpec
from semdim.errors import DataError, MismatchError

if TYPE_CHECKING:
    from semdim.ledger.memory import Ledger

SAME = ("model_fingerprint", "vocab_size", "context", "compute_dtype")
"""What two ledgers must have in common, as names of facts."""


@dataclass(frozen=True)
class Contamination:
    """Mean loss of a document under the model, younger than it and not."""

    model: str
    """Its name."""
    frozen_at: str
    """When it was frozen."""
    smoothing: float
    """α."""
    windows_per_document: int
    """W: the first so many windows of a document decide its value."""
    n_younger: int
    """Documents that were first published later."""
    n_older: int
    """The others."""
    younger: float
    """Mean loss of the former, bits."""
    older: float
    """Mean loss of the latter, bits."""
    difference: float
    """Younger less older: above 0, the model is better on what it may have seen."""
    lower: float
    """Certified at δ, both ends together, if documents are independent draws from two laws."""
    upper: float
    """Its other end."""
    failure_prob: float
    """δ."""
    theorem: str
    """Where the interval comes from."""
    assumptions: tuple[str, ...]
    """What has to be true for it."""

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.model}, frozen on {self.frozen_at}; loss smoothed with α = "
                f"{self.smoothing:g}, the first {self.windows_per_document} windows of a document",
                f"  younger documents  {self.younger:.4f} bits  {self.n_younger:,} documents",
                f"  older or undated   {self.older:.4f} bits  {self.n_older:,} documents",
                f"  difference         {self.difference:.4f} bits  {self.lower:.4f} to "
                f"{self.upper:.4f}, certified at δ = {self.failure_prob:g}",
                "The interval is a theorem about the two kinds of document, if "
                + "; ".join(self.assumptions)
                + ". A difference shows that the model has seen the older ones only as far as the "
                "two kinds do not differ in any other way.",
            ]
        )


def contamination(
    younger: "Ledger", older: "Ledger", *, failure_prob: float = 0.05, smoothing: float = 0.5
) -> Contamination:
    """Compare the model's losses on documents that are younger than it with those on others.

    Args:
        younger: ledger of documents that were all published after the model was frozen.
        older: ledger of documents of the same kind that were not, or have no dates.
        failure_prob: δ.
        smoothing: α of the losses.

    Raises:
        DataError: the first is not independent of the model by date, or the second is.
        MismatchError: they are of different models, contexts or dtypes.
        ConfigError: δ or α is out of range.
    """
    known, other = younger.facts.independence, older.facts.independence
    if known is None or known.frozen_at is None or not known.is_by_date:
        raise DataError(
            "The first ledger does not say that all its documents were published after the model "
            "was frozen: measure them with --date-column and --frozen-at."
        )
    if other is not None and other.is_by_date:
        raise DataError(
            "The second ledger also holds documents that are younger than the model: measure the "
            "others with --older only."
        )
    for name in SAME:
        if younger.facts[name] != older.facts[name]:
            raise MismatchError(
                f"The two ledgers differ in {name} ({younger.facts[name]} and {older.facts[name]}):"
                " measure both with the same model and settings."
            )
    spec = CertificateSpec(failure_prob=failure_prob, smoothing=smoothing)
    both = [Documents.of(ledger.rows, ledger.facts, spec) for ledger in (younger, older)]
    n_windows = min(_windows(documents) for documents in both)
    spec = CertificateSpec(
        failure_prob=failure_prob, smoothing=smoothing, windows_per_document=n_windows
    )
    new, old = (
        Documents.of(ledger.rows, ledger.facts, spec).losses("model") for ledger in (younger, older)
    )
    vocab_size = younger.facts.vocab_size
    found = unpaired_difference(
        old,
        new,
        floor=loss_floor(vocab_size, smoothing),
        ceiling=loss_ceiling(vocab_size, smoothing),
        failure_prob=failure_prob,
    )
    assert found.lower is not None
    return Contamination(
        model=younger.facts.model,
        frozen_at=known.frozen_at,
        smoothing=smoothing,
        windows_per_document=n_windows,
        n_younger=len(new),
        n_older=len(old),
        younger=float(new.mean()),
        older=float(old.mean()),
        difference=found.mean,
        lower=found.lower,
        upper=found.upper,
        failure_prob=failure_prob,
        theorem=found.theorem,
        assumptions=found.assumptions,
    )


def _windows(documents: Documents) -> int:
    windows = documents.size.windows
    assert windows is not None and windows.per_document is not None
    return windows.per_document
