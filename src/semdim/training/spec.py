"""The settings of a training run, validated when they are made."""

from dataclasses import dataclass

from semdim.fields import LARGEST_SEED, SettingError, check, setting

ARCHITECTURES = ("batchtopk", "standard", "gated", "topk")
CONSTANT_N_ACTIVE = ("topk",)
INPUTS = ("scaled", "per_dimension", "sensitivity", "whitened")
DTYPES = ("bfloat16", "float32", "float16")

_MANY = 10**12


@dataclass(frozen=True)
class DataSpec:
    """What the dictionary is trained on, and how activations are made from it."""

    n_tokens: int = setting(at_least=1, at_most=_MANY)
    """Tokens of the corpus that are used, BOS and the held-out documents counted in."""
    context: int = setting(128, at_least=2, at_most=1_000_000)
    """Positions of a window; position 0 is never trained on."""
    prepend_bos: bool = True
    max_windows_per_document: int = setting(8, at_least=1, at_most=_MANY)
    """Windows taken from the head of a document, so that long manuals do not dominate."""
    max_training_windows: int | None = setting(None, at_least=1, at_most=_MANY)
    """Train on no more windows than these, of those that n_tokens gives; null: on all."""
    held_out_share: float = setting(0.02, above=0, below=1)
    """Share of the documents that is set aside for recalibration and checks."""
    seed: int | None = setting(None, at_least=0, at_most=LARGEST_SEED)
    """Which windows are taken and held out, and their order; null: the seed of the run. Runs that
    differ in the seed of the run alone then train on the same activations."""
    shard_windows: int = setting(512, at_least=1, at_most=1_000_000)
    """Windows per shard of activations, the unit of work that a killed run keeps."""
    buffer_shards: int = setting(4, at_least=1, at_most=1_000_000)
    """Shards mixed in memory at once (512 windows at d_model 576: 75 MB each)."""
    keep_activations: bool = True
    """Keep the activations on disk (bfloat16) for further epochs; false computes them each time."""
    outlier_ratio: float = setting(10.0, above=1)
    """Positions whose norm exceeds this many medians are not trained on."""
    prefix_dtype: str = setting("bfloat16", choices=DTYPES)
    prefix_batch: int = setting(16, at_least=1, at_most=100_000)
    """Windows per forward pass."""
    measured_windows: int = setting(400, at_least=1, at_most=_MANY)
    """Windows of the calibration text that the finished SAE is measured on, for its card."""
    saelens_sequences: int = setting(100, at_least=0, at_most=_MANY)
    """Sequences of each text that SAELens's own `run_evals` gets as well: three full passes with
    all logits in memory; 0: the card does without."""

    def __post_init__(self) -> None:
        check(self, "data")


@dataclass(frozen=True)
class DictionarySpec:
    """The sparse autoencoder."""

    dict_size: int = setting(at_least=2, at_most=100_000_000)
    """Atoms m."""
    architecture: str = setting("batchtopk", choices=ARCHITECTURES)
    """batchtopk (saved as JumpReLU), standard (ReLU + L1), gated, or topk (constant sparsity)."""
    n_active: float = setting(60.0, above=0)
    """Mean atoms per token: the k of (Batch)TopK, and the target of recalibration."""
    l1_coefficient: float = setting(1.0, at_least=0)
    """standard, gated: weight of the sparsity penalty."""
    input: str = setting("scaled", choices=INPUTS)
    """What it sees: scaled | per_dimension | sensitivity | whitened (see training.inputs)."""
    aux_coefficient: float = setting(1.0, at_least=0)
    """(batch)topk: weight of the loss that gives dead atoms something to do; 0 turns it off."""
    dead_after_tokens: int = setting(1_000_000, at_least=1, at_most=_MANY)
    """An atom that has not fired for so many tokens counts as dead."""
    start_from: str | None = None
    """Checkpoint of an earlier run (outputs/training/<name>/latest) whose weights are the start;
    null: random atoms."""

    def __post_init__(self) -> None:
        check(self, "dictionary")
        if self.n_active >= self.dict_size:
            raise SettingError(
                "dictionary",
                f"n_active = {self.n_active} must lie between 0 and dict_size = {self.dict_size}.",
            )

    @property
    def has_constant_n_active(self) -> bool:
        return self.architecture in CONSTANT_N_ACTIVE


@dataclass(frozen=True)
class OptimiserSpec:
    """Adam, a warm-up, a plateau and a linear decay to zero."""

    learning_rate: float = setting(1e-3, above=0)
    batch_tokens: int = setting(2048, at_least=1, at_most=100_000_000)
    n_epochs: int = setting(1, at_least=1, at_most=1_000_000)
    """Passes over the activations."""
    max_minutes: float | None = setting(None, above=0)
    """End after so much training time even if epochs are left: the schedule below then runs over
    time, so the decay is never cut off. Which step that is depends on the machine."""
    warm_up_share: float = setting(0.03, at_least=0, below=1)
    decay_share: float = setting(0.3, at_least=0, below=1)
    """Shares of the run."""
    autocast: bool = True
    """standard, gated, topk: run the step in bfloat16 where that is safe; batchtopk decides."""
    checkpoint_minutes: float = setting(3.0, at_least=0)
    """Wall time between checkpoints: the most that a kill can lose."""

    def __post_init__(self) -> None:
        check(self, "optimiser")
        if self.warm_up_share + self.decay_share >= 1:
            raise SettingError(
                "optimiser",
                f"warm_up_share = {self.warm_up_share} and decay_share = {self.decay_share} must "
                "leave room for a plateau: their sum must be below 1.",
            )
