"""The settings of a training run, validated when they are made."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from semdim.errors import ConfigError

ARCHITECTURES = ("batchtopk", "standard", "gated", "topk")
CONSTANT_N_ACTIVE = ("topk",)
INPUTS = ("scaled", "per_dimension", "sensitivity", "whitened")
DTYPES = ("bfloat16", "float32", "float16")

Section = TypeVar("Section")


@dataclass(frozen=True)
class DataSpec:
    """What the dictionary is trained on, and how activations are made from it."""

    n_tokens: int
    """Tokens of the corpus that are used, BOS and the held-out documents counted in."""
    context: int = 128
    """Positions of a window; position 0 is never trained on."""
    prepend_bos: bool = True
    max_windows_per_document: int = 8
    """Windows taken from the head of a document, so that long manuals do not dominate."""
    max_training_windows: int | None = None
    """Train on no more windows than these, of those that n_tokens gives; null: on all."""
    held_out_share: float = 0.02
    """Share of the documents that is set aside for recalibration and checks."""
    shard_windows: int = 512
    """Windows per shard of activations, the unit of work that a killed run keeps."""
    buffer_shards: int = 4
    """Shards mixed in memory at once (512 windows at d_model 576: 75 MB each)."""
    keep_activations: bool = True
    """Keep the activations on disk (bfloat16) for further epochs; false computes them each time."""
    outlier_ratio: float = 10.0
    """Positions whose norm exceeds this many medians are not trained on."""
    prefix_dtype: str = "bfloat16"
    prefix_batch: int = 16
    """Windows per forward pass."""

    def __post_init__(self) -> None:
        _at_least(self, 2, "context")
        _at_least(
            self, 1, "n_tokens", "max_windows_per_document", "shard_windows", "buffer_shards",
            "prefix_batch",
        )  # fmt: skip
        if not 0 < self.held_out_share < 1:
            raise ConfigError(
                f"data.held_out_share must lie between 0 and 1, got {self.held_out_share}"
            )
        if self.outlier_ratio <= 1:
            raise ConfigError(f"data.outlier_ratio must exceed 1, got {self.outlier_ratio}")
        if self.prefix_dtype not in DTYPES:
            raise ConfigError(
                f"data.prefix_dtype must be one of {', '.join(DTYPES)}, got {self.prefix_dtype!r}"
            )


@dataclass(frozen=True)
class DictionarySpec:
    """The sparse autoencoder."""

    dict_size: int
    """Atoms m."""
    architecture: str = "batchtopk"
    """batchtopk (saved as JumpReLU), standard (ReLU + L1), gated, or topk (constant sparsity)."""
    n_active: float = 60.0
    """Mean atoms per token: the k of (Batch)TopK, and the target of recalibration."""
    l1_coefficient: float = 1.0
    """standard, gated: weight of the sparsity penalty."""
    input: str = "scaled"
    """What it sees: scaled | per_dimension | sensitivity | whitened (see training.inputs)."""
    aux_coefficient: float = 1.0
    """(batch)topk: weight of the loss that gives dead atoms something to do; 0 turns it off."""
    dead_after_tokens: int = 1_000_000
    """An atom that has not fired for so many tokens counts as dead."""
    start_from: str | None = None
    """Checkpoint of an earlier run (outputs/training/<name>/latest) whose weights are the start;
    null: random atoms."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ConfigError(
                f"dictionary.architecture must be one of {', '.join(ARCHITECTURES)}, "
                f"got {self.architecture!r}"
            )
        if self.input not in INPUTS:
            raise ConfigError(
                f"dictionary.input must be one of {', '.join(INPUTS)}, got {self.input!r}"
            )
        _at_least(self, 2, "dict_size")
        _at_least(self, 1, "dead_after_tokens")
        if not 0 < self.n_active < self.dict_size:
            raise ConfigError(
                f"dictionary.n_active must lie between 0 and dict_size ({self.dict_size}), "
                f"got {self.n_active}"
            )
        if self.l1_coefficient < 0 or self.aux_coefficient < 0:
            raise ConfigError("dictionary: loss coefficients must not be negative")

    @property
    def has_constant_n_active(self) -> bool:
        return self.architecture in CONSTANT_N_ACTIVE


@dataclass(frozen=True)
class OptimiserSpec:
    """Adam, a warm-up, a plateau and a linear decay to zero."""

    learning_rate: float = 1e-3
    batch_tokens: int = 2048
    n_epochs: int = 1
    """Passes over the activations."""
    max_minutes: float | None = None
    """End after so much training time even if epochs are left: the schedule below then runs over
    time, so the decay is never cut off. Which step that is depends on the machine."""
    warm_up_share: float = 0.03
    decay_share: float = 0.3
    """Shares of the run."""
    autocast: bool = True
    """standard, gated, topk: run the step in bfloat16 where that is safe; batchtopk decides."""
    checkpoint_minutes: float = 3.0
    """Wall time between checkpoints: the most that a kill can lose."""

    def __post_init__(self) -> None:
        _at_least(self, 1, "batch_tokens", "n_epochs")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ConfigError(f"optimiser.max_minutes must be positive, got {self.max_minutes}")
        if not self.learning_rate > 0:
            raise ConfigError(f"optimiser.learning_rate must be positive, got {self.learning_rate}")
        if min(self.warm_up_share, self.decay_share) < 0 or (
            self.warm_up_share + self.decay_share >= 1
        ):
            raise ConfigError(
                "optimiser: warm_up_share and decay_share must not be negative and must leave room "
                f"for a plateau, got {self.warm_up_share} and {self.decay_share}"
            )
        if self.checkpoint_minutes < 0:
            raise ConfigError("optimiser.checkpoint_minutes must not be negative")


def section(kind: type[Section], mapping: Mapping[str, Any], where: str) -> Section:
    """A section of the configuration as its dataclass.

    Raises:
        ConfigError: an unknown or a missing key, or a value out of range; the message names it.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(mapping) - set(fields))
    if unknown:
        raise ConfigError(
            f"{where}: unknown setting {', '.join(unknown)}; known are {', '.join(sorted(fields))}"
        )
    missing = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and mapping.get(name) is None
    ]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} must be set")
    typed = {
        name: _convert(value, fields[name].type, f"{where}.{name}")
        for name, value in mapping.items()
    }
    try:
        return kind(**typed)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _convert(value: Any, annotation: Any, where: str) -> Any:
    kinds = get_args(annotation) or (annotation,)
    if value is None and type(None) in kinds:
        return None
    if bool in kinds:
        if not isinstance(value, bool):
            raise ConfigError(f"{where}: expected true or false, got {value!r}")
        return value
    if int in kinds or float in kinds:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or (float not in kinds and value != int(value)):
            raise ConfigError(f"{where}: expected a number, got {value!r}")
        return float(value) if float in kinds else int(value)
    return value


def _at_least(spec: Any, least: int, *names: str) -> None:
    for name in names:
        if getattr(spec, name) < least:
            raise ConfigError(f"{name} must be at least {least}, got {getattr(spec, name)}")
