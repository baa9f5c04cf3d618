"""What `semdim rank` is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from semdim.certificate.named import corpus_named, model_named
from semdim.fields import check, setting
from semdim.forward.spec import BACKENDS, DEFAULT_BACKEND
from semdim.models.spec import ModelSource
from semdim.rank.spec import RankSpec
from semdim.text.spec import CorpusSpec
from semdim.text.training_text import folders_that_tell


@dataclass(frozen=True)
class RankRequest:
    """A model, a text, and how autoencoders are measured on it."""

    model: str = setting(not_empty=True)
    """A model of the hub, a folder in the format of transformers, or one that semdim exported."""
    text: str = setting(not_empty=True)
    """As `semdim.certificate.request.Request.text`."""
    n_tokens: int = setting(20_000, at_least=2, at_most=10**12)
    """Tokens to measure, BOS included; rounded up to whole windows."""
    context: int = setting(128, at_least=2, at_most=10**6)
    """Tokens of a window, BOS included."""
    windows: int = setting(1, at_least=1, at_most=10**6)
    """Windows that are taken of a document at most."""
    backend: str = setting(DEFAULT_BACKEND, choices=BACKENDS)
    """What runs the model."""
    compute_dtype: str = setting("float32", choices=("float32", "bfloat16", "auto"))
    """dtype of the forward passes."""
    device: str = setting("auto", choices=("auto", "cpu", "cuda", "mps"))
    """Where they run."""
    batch_sequences: int = setting(16, at_least=1, at_most=100_000)
    """Windows in one forward pass."""
    seed: int = setting(0, at_least=0, at_most=2**32 - 1)
    """Of the order of the documents."""
    date_column: str | None = setting(None, not_empty=True)
    """As `semdim.certificate.request.Request.date_column`."""
    frozen_at: str | None = setting(None, not_empty=True)
    """As `semdim.certificate.request.Request.frozen_at`."""
    apart: bool = True
    """Leave out documents that one of the SAEs was trained on, where its folder says."""
    ranking: RankSpec = field(default_factory=RankSpec)
    """δ, the cap and α."""

    def __post_init__(self) -> None:
        check(self, "rank")

    @property
    def n_windows(self) -> int:
        """Windows that are measured."""
        return -(-self.n_tokens // self.context)

    def corpus(self, saes: Iterable[str | None] = ()) -> CorpusSpec:
        """The text, apart from what the autoencoders of these folders were trained on.

        Raises:
            ConfigError: it is not possible.
        """
        return corpus_named(
            self.text,
            self.n_tokens,
            date_column=self.date_column,
            apart_from=folders_that_tell(saes) if self.apart else (),
        )

    def model_source(self) -> ModelSource:
        """Where the model is."""
        return model_named(self.model)
