"""Where a model comes from, and how its weights are processed before an SAE reads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from semdim.errors import ConfigError

KINDS = ("hub", "folder", "gguf_package", "random")

# The settings that a kind needs, and those that it may have besides `name` and `bos_token_id`.
_NEEDED: dict[str, tuple[str, ...]] = {
    "hub": ("repo",),
    "folder": ("path",),
    "gguf_package": ("package", "name"),
    "random": ("architecture", "n_layers", "d_model", "n_heads", "vocab_size", "n_context", "seed"),
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "hub": ("repo", "revision"),
    "folder": ("path", "gguf_file"),
    "gguf_package": ("package", "gguf_file"),
    "random": _NEEDED["random"],
}


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


@dataclass(frozen=True)
class ModelSource:
    """Where `prepare_model` takes a model from. Settings that the kind does not use are refused."""

    kind: str
    """`hub` (Hugging Face), `folder` (a local one), `gguf_package` (quantised weights in an
    installed Python package) or `random` (a tiny untrained model, for smoke runs and tests)."""
    name: str | None = None
    """The name that an SAE's metadata knows the model by. Default: the hub id, or the name that
    the folder's config.json holds, or the folder's own."""
    repo: str | None = None
    """hub: repository id, for instance openai-community/gpt2."""
    revision: str | None = None
    """hub: branch, tag or commit; default: main."""
    path: str | None = None
    """folder: a folder in the format of transformers (config.json, weights, tokenizer)."""
    package: str | None = None
    """gguf_package: import name of the package; it is never imported."""
    gguf_file: str | None = None
    """folder, gguf_package: the GGUF file to read, where it is not the only one."""
    bos_token_id: int | None = None
    """The token every sequence starts with, where it is not the one the tokenizer names."""
    architecture: str | None = None
    """random: llama or gpt2."""
    n_layers: int | None = None
    """random: blocks."""
    d_model: int | None = None
    """random: width of the residual stream."""
    n_heads: int | None = None
    """random: attention heads, a divisor of d_model."""
    vocab_size: int | None = None
    """random: rows of the embedding, and size of the tokenizer trained for it."""
    n_context: int | None = None
    """random: longest sequence, in tokens."""
    seed: int | None = None
    """random: seed of the weights."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"Model source: unknown kind {self.kind!r}; expected one of {', '.join(KINDS)}."
            )
        for key in _NEEDED[self.kind]:
            if getattr(self, key) is None:
                raise ConfigError(f"Model source of kind {self.kind}: `{key}` is missing.")
        usable = {"kind", "name", "bos_token_id", *_ALLOWED[self.kind]}
        for item in fields(self):
            if item.name not in usable and getattr(self, item.name) is not None:
                raise ConfigError(
                    f"Model source of kind {self.kind} does not use `{item.name}`; "
                    f"remove it or choose another kind."
                )
        if self.bos_token_id is not None and self.bos_token_id < 0:
            raise ConfigError(f"Model source: bos_token_id {self.bos_token_id} is negative.")
        if self.kind == "random":
            self._check_shape()

    def _check_shape(self) -> None:
        if self.architecture not in ("llama", "gpt2"):
            raise ConfigError(
                f"Random model: architecture {self.architecture!r} is unknown; use llama or gpt2."
            )
        for key, least in (
            ("n_layers", 1),
            ("d_model", 1),
            ("n_heads", 1),
            ("vocab_size", 300),
            ("n_context", 2),
        ):
            if getattr(self, key) < least:
                raise ConfigError(
                    f"Random model: {key} is {getattr(self, key)}; expected at least {least}."
                )
        assert self.d_model is not None and self.n_heads is not None
        if self.d_model % (2 * self.n_heads):
            raise ConfigError(
                f"Random model: d_model {self.d_model} must be a multiple of 2·n_heads = "
                f"{2 * self.n_heads}, so that rotary positions pair up within a head."
            )

    def as_dict(self) -> dict[str, Any]:
        """The settings that are set, as plain values."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def from_mapping(settings: Mapping[str, Any]) -> ModelSource:
    """A ModelSource from plain settings; raises ConfigError that names an unknown key."""
    known = {item.name for item in fields(ModelSource)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ConfigError(
            f"Model source: unknown setting {', '.join(map(repr, unknown))}; "
            f"expected some of {', '.join(sorted(known))}."
        )
    if "kind" not in settings:
        raise ConfigError(f"Model source: `kind` is missing; expected one of {', '.join(KINDS)}.")
    return ModelSource(**dict(settings))
