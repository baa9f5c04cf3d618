"""Where a model comes from, and how its weights are processed before an SAE reads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar, get_args

from semdim.errors import ConfigError

Source = TypeVar("Source")

_SHAPE = ("architecture", "n_layers", "d_model", "n_heads", "vocab_size", "n_context", "seed")
# The settings that a kind needs, and those that it may have.
_NEEDED: dict[str, tuple[str, ...]] = {
    "hub": ("repo",),
    "folder": ("path",),
    "gguf_package": ("package", "name"),
    "random": _SHAPE,
}
_ALLOWED: dict[str, tuple[str, ...]] = {
    "hub": ("name", "bos_token_id", "repo", "revision"),
    "folder": ("name", "bos_token_id", "path", "gguf_file"),
    "gguf_package": ("name", "bos_token_id", "package", "gguf_file"),
    "random": ("name", *_SHAPE),
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

    def as_dict(self) -> dict[str, bool]:
        """All four switches."""
        return asdict(self)


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
        check_settings(self, "Model source", _NEEDED, _ALLOWED)
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

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "ModelSource":
        """From plain settings; raises ConfigError that names an unknown or missing key."""
        return build_from_mapping(cls, "Model source", settings)

    def as_dict(self) -> dict[str, Any]:
        """The settings that are set, as plain values."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def build_from_mapping(cls: type[Source], what: str, settings: Mapping[str, Any]) -> Source:
    """An instance of a settings dataclass; ConfigError names a key that is unknown or missing."""
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(str(key) for key in set(settings) - known)
    if unknown:
        raise ConfigError(
            f"{what}: unknown setting {', '.join(map(repr, unknown))}; "
            f"expected some of {', '.join(sorted(known))}."
        )
    if "kind" not in settings:
        raise ConfigError(f"{what}: `kind` is missing.")
    for item in fields(cls):  # type: ignore[arg-type]
        _check_type(what, item.name, item.type, settings.get(item.name))
    return cls(**dict(settings))


def check_settings(
    source: Any,
    what: str,
    needed: Mapping[str, tuple[str, ...]],
    allowed: Mapping[str, tuple[str, ...]],
) -> None:
    """Every setting that the source's kind needs is there, and none that it does not use.

    `needed` and `allowed` map each kind to names of settings. Raises ConfigError.
    """
    if source.kind not in allowed:
        raise ConfigError(
            f"{what}: unknown kind {source.kind!r}; expected one of {', '.join(allowed)}."
        )
    for key in needed[source.kind]:
        if getattr(source, key) is None:
            raise ConfigError(f"{what} of kind {source.kind}: `{key}` is missing.")
    for item in fields(source):
        usable = item.name == "kind" or item.name in allowed[source.kind]
        if not usable and getattr(source, item.name) is not None:
            raise ConfigError(
                f"{what} of kind {source.kind} does not use `{item.name}`; "
                f"remove it or choose another kind."
            )


def _check_type(what: str, name: str, annotation: Any, value: object) -> None:
    """Settings come from YAML, where 12 and "12" look much alike."""
    allowed = get_args(annotation) or (annotation,)
    if float in allowed:
        allowed = (*allowed, int)
    if value is None or (isinstance(value, allowed) and not isinstance(value, bool)):
        return
    raise ConfigError(f"{what}: {name} = {value!r} is not of type {allowed[0].__name__}.")
