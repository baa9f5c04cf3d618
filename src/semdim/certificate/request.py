"""What `semdim certify` is asked for."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from semdim.certificate.named import corpus_named, model_named, sae_named
from semdim.fields import check, setting
from semdim.forward.spec import BACKENDS, DEFAULT_BACKEND
from semdim.models.spec import ModelSource
from semdim.saes.spec import SAESource
from semdim.text.rows import OLDER
from semdim.text.spec import CorpusSpec
from semdim.text.training_text import folders_that_tell

BASELINES = {"none": (), "zero": ("zero",), "mean": ("mean",), "both": ("zero", "mean")}
"""What `loss recovered` is measured against, as proxies of the ledger."""


@runtime_checkable
class Asked(Protocol):
    """What `semdim certify` and `semdim rank` are asked for alike; see `Request`."""

    @property
    def model(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def context(self) -> int: ...
    @property
    def windows(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def frozen_at(self) -> str | None: ...
    def model_source(self) -> ModelSource: ...


@dataclass(frozen=True)
class Request:
    """What is to be certified, and how."""

    model: str = setting(not_empty=True)
    """A model of the hub, a folder in the format of transformers, or one that semdim exported."""
    sae: str = setting(not_empty=True)
    """A folder in SAELens's format, or RELEASE/ID of SAELens's registry."""
    text: str = setting(not_empty=True)
    """A file, a folder or a glob: text files, a document each, or tables, a document a row; or
    ``english``, or ``c4``."""
    n_tokens: int = setting(20_000, at_least=2, at_most=10**12)
    """Tokens to measure, BOS included; rounded up to whole windows."""
    context: int = setting(128, at_least=2, at_most=10**6)
    """Tokens of a window, BOS included."""
    windows: int = setting(4, at_least=1, at_most=10**6)
    """Windows that are taken of a document at most."""
    baseline: str = setting("zero", choices=tuple(BASELINES))
    """What the recovered loss is measured against."""
    failure_prob: float = setting(0.05, above=0, below=1)
    """δ."""
    smoothing: float = setting(0.5, above=0, below=1)
    """α, of losses and of KL."""
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
    check_hook: bool = True
    """Refuse an SAE that does not fit its hook point, and name those that it would fit."""
    date_column: str | None = setting(None, not_empty=True)
    """The column of a table that holds the day of first publication."""
    frozen_at: str | None = setting(None, not_empty=True)
    """When the model was last trained, where its source does not say; YYYY-MM-DD, YYYY-MM, YYYY."""
    older: str = setting("drop", choices=OLDER)
    """What becomes of documents that are not known to be younger than the model."""
    apart: bool = True
    """Leave out documents that the SAE was trained on, where its folder says what these are."""

    def __post_init__(self) -> None:
        check(self, "certify")

    @property
    def proxies(self) -> tuple[str, ...]:
        """What stands at the hook point, a pass through the rest of the model each."""
        return ("model", "sae", *BASELINES[self.baseline])

    @property
    def n_windows(self) -> int:
        """Windows that are measured."""
        return -(-self.n_tokens // self.context)

    def corpus(self) -> CorpusSpec:
        """The text.

        Raises:
            ConfigError: it is not possible.
        """
        return corpus_named(
            self.text,
            self.n_tokens,
            date_column=self.date_column,
            older=self.older,
            apart_from=folders_that_tell([self.sae]) if self.apart else (),
        )

    def model_source(self) -> ModelSource:
        """Where the model is."""
        return model_named(self.model)

    def sae_source(self) -> SAESource:
        """Where the SAE is.

        Raises:
            ConfigError: it is neither a folder nor RELEASE/ID.
        """
        return sae_named(self.sae)

    def plan(self) -> list[str]:
        """What will be done, in lines."""
        return [
            f"model      {self.model} in {self.compute_dtype}, run by {self.backend}",
            f"SAE        {self.sae}",
            f"text       {self.text}: {self.n_windows:,} windows of {self.context} tokens "
            f"({self.n_windows * self.context:,} tokens), at most {self.windows} of a document",
            f"passes     to the hook point once, and from there once each for "
            f"{', '.join(self.proxies)}",
            f"certified  at δ = {self.failure_prob:g}, losses and KL smoothed with α = "
            f"{self.smoothing:g}",
        ]
