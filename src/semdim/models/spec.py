"""Where a model comes from, and how its weights are processed before an SAE reads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semdim.fields import SEED, SettingError, Takes, check, check_kind, read, setting
from semdim.limits import POSITIONS, VOCABULARY, WIDTH, limit
from semdim.text.independence import days_of

KINDS = {
    "hub": Takes(needed=("repo",), optional=("name", "bos_token_id", "revision", "frozen_at")),
    "folder": Takes(needed=("path",), optional=("name", "bos_token_id", "gguf_file", "frozen_at")),
    "gguf_package": Takes(
        needed=("package", "name"), optional=("bos_token_id", "gguf_file", "frozen_at")
    ),
    "random": Takes(
        needed=(
            "architecture", "n_layers", "d_model", "n_heads", "vocab_size", "n_context", "seed",
        ),
        optional=("name", "frozen_at"),
    ),
}  # fmt: skip
"""The kinds of model, and which settings each of them has."""


@dataclass(frozen=True)
class WeightProcessing:
    """TransformerLens's function-preserving rewrites of the weights.

    They leave the model's output as it is but move its residual stream, so an SAE that was trained
    on processed activations reads nonsense from an unprocessed model. The default is none.
    """

    center_writing_weights: bool = False
    """Weights that write to the residual stream are centred (LayerNorm ignores the mean)."""
    fold_ln: bool = False
    """LayerNorm's scale and bias are folded into the weights that follow."""
    center_unembed: bool = False
    """The unembedding is centred (softmax ignores a constant)."""
    fold_value_biases: bool = False
    """Value biases are folded into the output bias."""

    def as_dict(self) -> dict[str, bool]:
        """All four switches."""
        return asdict(self)


@dataclass(frozen=True)
class ModelSource:
    """Where `prepare_model` takes a model from. Settings that the kind does not use are refused."""

    kind: str = setting(choices=tuple(KINDS))
    """`hub` (Hugging Face), `folder` (a local one), `gguf_package` (quantised weights in an
    installed Python package) or `random` (a tiny untrained model, for smoke runs and tests)."""
    name: str | None = setting(None, not_empty=True)
    """The name that an SAE's metadata knows the model by. Default: the hub id, or the name that
    the folder's config.json holds, or the folder's own."""
    repo: str | None = setting(None, not_empty=True)
    """hub: repository id, for instance openai-community/gpt2."""
    revision: str | None = setting(None, not_empty=True)
    """hub: branch, tag or commit; default: main."""
    path: str | None = setting(None, not_empty=True)
    """folder: a folder in the format of transformers (config.json, weights, tokenizer)."""
    package: str | None = setting(None, not_empty=True)
    """gguf_package: import name of the package; it is never imported."""
    gguf_file: str | None = setting(None, not_empty=True)
    """folder, gguf_package: the GGUF file to read, where it is not the only one."""
    bos_token_id: int | None = setting(None, at_least=0, **VOCABULARY)
    """The token every sequence starts with, where it is not the one the tokenizer names."""
    frozen_at: str | None = setting(None, not_empty=True)
    """When it was last trained, as YYYY-MM-DD, YYYY-MM or YYYY, of which the last day counts. A
    corpus with dates is then kept to documents that were first published later."""
    architecture: str | None = setting(None, choices=("llama", "gpt2"))
    """random: llama or gpt2."""
    n_layers: int | None = setting(None, at_least=1, **limit(1000, "no model has more blocks"))
    """random: blocks."""
    d_model: int | None = setting(None, at_least=1, **WIDTH)
    """random: width of the residual stream."""
    n_heads: int | None = setting(None, at_least=1, **WIDTH)
    """random: attention heads, a divisor of d_model."""
    vocab_size: int | None = setting(None, at_least=300, **VOCABULARY)
    """random: rows of the embedding, and size of the tokenizer trained for it."""
    n_context: int | None = setting(None, at_least=2, **POSITIONS)
    """random: longest sequence, in tokens."""
    seed: int | None = setting(None, **SEED)
    """random: seed of the weights."""

    def __post_init__(self) -> None:
        check(self, "source")
        check_kind(self, KINDS, "source")
        if self.frozen_at is not None and days_of(self.frozen_at) is None:
            raise SettingError(
                "source",
                f"frozen_at = {self.frozen_at!r} must be a date: YYYY-MM-DD, YYYY-MM or YYYY.",
            )
        if self.d_model is None or self.n_heads is None:
            return
        if self.d_model % (2 * self.n_heads):
            raise SettingError(
                "source",
                f"d_model = {self.d_model} must be a multiple of 2·n_heads = {2 * self.n_heads}, "
                "so that rotary positions pair up within a head.",
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], where: str = "source") -> "ModelSource":
        """From plain settings; raises ConfigError for whatever is not possible."""
        return read(cls, settings, where)

    def as_dict(self) -> dict[str, Any]:
        """The settings that are set, as plain values."""
        return {key: value for key, value in asdict(self).items() if value is not None}
