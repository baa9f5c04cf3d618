"""How the engine runs: numbers that change speed or rounding, never the mathematics."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from semdim.fields import check, setting
from semdim.forward.dtype import present_device, resolved_dtype, torch_dtype
from semdim.limits import limit

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "auto")
BACKENDS = ("transformers", "transformer_lens")
DEFAULT_BACKEND = BACKENDS[0]
"""The faster one (docs/performance.md)."""
DEVICES = ("auto", "cpu", "cuda", "mps")
WORKERS = ("local", "ray")


@dataclass(frozen=True)
class EngineSpec:
    """The ``engine`` group of the configuration."""

    compute_dtype: str = setting("float32", choices=DTYPES)
    """dtype of the forward passes; sums over the vocabulary are always float32. auto is bfloat16
    where the device multiplies in it itself, and float32 elsewhere."""
    device: str = setting("auto", choices=DEVICES)
    """auto | cpu | cuda | mps."""
    batch_sequences: int = setting(
        16, at_least=1, **limit(10_000, "the logits of a batch are in memory at once")
    )
    """Sequences in one forward pass."""
    shard_sequences: int = setting(64, at_least=1, **limit(100_000, "a shard is in memory at once"))
    """Sequences in one shard: what a killed stage loses at most."""
    store_activations: bool = True
    """False keeps the activations' norms alone: less disk, and the prefix is run again wherever
    activations are needed. The ledger is the same."""
    store_codes: bool = True
    """False computes codes wherever they are needed and keeps of them what the ledger says of each
    token. With ``store_activations`` false as well, one pass over a shard goes from its tokens to
    its losses, and neither activations nor codes reach the disk. The ledger is the same."""
    n_threads: int | None = setting(
        None, at_least=1, **limit(1024, "no machine has more cores to run them on")
    )
    """Threads of torch on the CPU; null leaves torch's own choice."""
    backend: str = setting(DEFAULT_BACKEND, choices=BACKENDS)
    """What runs the model: transformers' own blocks, or TransformerLens's HookedTransformer
    (`semdim.forward.backend`)."""

    workers: str = setting("local", choices=WORKERS)
    """Who computes the missing shards: this process, or the workers of a Ray cluster. The shards
    are the same to the byte."""
    ray_address: str | None = setting(None, not_empty=True)
    """host:port of a running cluster's head, or auto for the one that this machine belongs to;
    null starts one here for as long as a stage runs."""
    n_workers: int | None = setting(
        None, at_least=1, **limit(100_000, "no cluster has more processes")
    )
    """Workers of Ray; null: as many as the cluster has room for."""
    gpus_per_worker: float | None = setting(
        None, at_least=0.0, **limit(64, "no machine has more GPUs")
    )
    """GPUs of a worker of Ray, or a share of one; null: one where the cluster has any, and
    ``device`` may be one."""

    def __post_init__(self) -> None:
        check(self, "engine")

    @property
    def dtype(self) -> "torch.dtype":
        return torch_dtype(resolved_dtype(self.compute_dtype, self.device))

    def start(self) -> str:
        """Set the threads and the allocator, and name the device to use.

        Raises:
            ConfigError: the device that was asked for is not there.
        """
        import torch

        from semdim.forward.memory import keep_freed_memory

        keep_freed_memory()
        if self.n_threads is not None:
            torch.set_num_threads(self.n_threads)
        return present_device(self.device)
