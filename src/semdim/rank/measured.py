"""What a ranking keeps of one autoencoder: a value for each document, and a few facts."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Measured:
    """One autoencoder on one text."""

    SCHEMA: ClassVar[str] = "rank_sae/1"
    WRITTEN_BY: ClassVar[str] = "`semdim rank`"

    name: str
    """What the ranking calls it."""
    key: str
    """Digest of all that its values depend on."""
    sae_fingerprint: str
    """sha256 over its weights and the settings that decide what they compute."""
    architecture: str
    """What it encodes with: standard, jumprelu, gated or topk."""
    training_architecture: str | None
    """What it was trained as, where its metadata say."""
    dict_size: int
    """m: its atoms."""
    hook_name: str
    """Where it reads the residual stream."""
    stated_l0: float | None
    """The L0 that its card or the registry states."""
    n_tokens: int
    """Tokens that were measured, BOS included."""
    n_tokens_counted: int
    """Tokens of the windows that decide a document's value."""
    windows_per_document: int
    """W: the first so many windows of a document decide its value."""
    loss_range: float
    """Δ, bits: the most that a document's value can be."""
    explained_variance: float | None
    """1 − Σ‖h − S(h)‖²/Σ‖h − mean‖² over tokens that are neither special nor norm outliers; None:
    it is no finite number."""
    document: tuple[int, ...]
    """The documents, in the order in which the sample has them."""
    abs_gap: tuple[float, ...]
    """Mean over its windows of |change of the mean loss of a window|, bits."""
    change: tuple[float, ...]
    """Mean loss with the autoencoder minus that of the model, bits."""
    n_active: tuple[float, ...]
    """Mean number of active atoms at a token that is not special."""
    encode_seconds: float
    """What encoding took."""
    loss_seconds: float
    """What the rest of the model took."""


@dataclass(frozen=True)
class Skipped:
    """An autoencoder that is not in the ranking."""

    name: str
    """What it would be called."""
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True)
class Subject:
    """What a ranking was measured on."""

    model: str = ""
    """Name of the language model."""
    model_fingerprint: str = ""
    """sha256 over its weights."""
    corpus: str = ""
    """Name of the text."""
    tokens_fingerprint: str = ""
    """sha256 over the tokens, and the sequence and document of each."""
    n_tokens: int = 0
    """Tokens that were measured, BOS included."""
    n_tokens_counted: int = 0
    """Tokens of the windows that decide the documents' values."""
    context: int = 0
    """Tokens of a window, BOS included."""
    windows_per_document: int = 0
    """W: the first so many windows of a document decide its value."""
    compute_dtype: str = ""
    """dtype of the forward passes."""
    backend: str = ""
    """What ran them."""
