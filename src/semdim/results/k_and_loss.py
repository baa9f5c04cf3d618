"""k_and_loss.json: what k of a token says about the loss of the one that follows."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a token's score with the loss of the next token."""

    predictor: str
    """n_active, or the entropy of the model's next-token distribution."""
    spearman: float | None
    """Over all tokens; None: the score, or the loss, is the same everywhere."""
    low: float | None
    """Lower end of its interval over resampled documents."""
    high: float | None
    """Upper end."""
    negative_sequences: float | None
    """Share of the sequences in which it is negative; None: it is defined in none."""


@dataclass(frozen=True)
class KBin:
    """The tokens whose k lies in a range."""

    least_k: int
    """Smallest k in the bin."""
    largest_k: int
    """Largest."""
    mean_k: float
    n_tokens: int
    """Tokens in the bin."""
    nll: float
    """Mean loss of the next token under the model, bits, not smoothed."""
    low: float | None
    """Lower end of its interval over resampled documents."""
    high: float | None
    """Upper end."""
    per_input: float | None
    """What the paper's per-input reading predicts at the mean k, bits per token, smoothed: the
    published bound with this k. Not a certificate. None: there is no published bound, or k is 0."""


@dataclass(frozen=True)
class KAndLoss:
    """All of k_and_loss.json; special positions and those that predict nothing are left out."""

    SCHEMA: ClassVar[str] = "k_and_loss/1"

    n_tokens: int
    """Tokens that predict another one."""
    n_sequences: int
    n_documents: int
    n_resamples: int
    """Resamples of the documents behind each interval."""
    confidence: float
    """Coverage of the intervals."""
    correlations: tuple[Correlation, ...]
    bins: tuple[KBin, ...]
    """By ascending k."""
