"""A small world to train in: windows over a vocabulary, activations with sparse structure."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semdim.training.batches import ShuffledBatches
from semdim.training.dictionary import new_dictionary
from semdim.training.scaling import input_scaler
from semdim.training.spec import DictionarySpec, OptimiserSpec
from semdim.training.store import ShardStore
from semdim.training.trainer import DictionaryTrainer, trainer_config
from semdim.training.wandb_run import Tracker

WIDTH, VOCABULARY, CONTEXT = 16, 97, 9


def token_table(n_sequences: int, seed: int = 0) -> np.ndarray:
    """Every window's ids name the window (in position 1) and are otherwise random."""
    ids = np.random.default_rng(seed).integers(0, VOCABULARY, (n_sequences, CONTEXT))
    ids[:, 0] = 0
    return ids.astype(np.int32)


class Counting:
    """A prefix: each token is a sum of three of 40 directions; counts the windows it computes."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        directions = torch.nn.functional.normalize(
            torch.randn(40, WIDTH, generator=generator), dim=1
        )
        picks = torch.rand(VOCABULARY, 40, generator=generator).argsort(dim=1)[:, :3]
        self.table = 20 * directions[picks].sum(dim=1) + 5.0
        self.table[1] *= 100  # the token 1 is a norm outlier
        self.n_windows = 0

    def __call__(self, ids: Tensor) -> Tensor:
        self.n_windows += len(ids)
        hidden = self.table[ids]
        hidden[:, 0] *= 1000  # an attention sink
        return hidden


def make_store(n_sequences: int = 40, folder: Path | None = None, prefix=None) -> ShardStore:
    return ShardStore(
        token_table(n_sequences),
        prefix or Counting(),
        fingerprint="windows",
        shard_sequences=8,
        batch_size=4,
        outlier_ratio=10.0,
        folder=folder,
    )


def make_trainer(
    folder: Path,
    *,
    architecture: str = "batchtopk",
    fingerprint: str = "a",
    learning_rate: float = 3e-3,
    n_epochs: int = 3,
    store: ShardStore | None = None,
    input: str = "scaled",
    **optimiser,
) -> DictionaryTrainer:
    dictionary = DictionarySpec(
        dict_size=48,
        architecture=architecture,
        n_active=4.0,
        l1_coefficient=0.3,
        dead_after_tokens=200,
    )
    spec = OptimiserSpec(
        learning_rate=learning_rate, batch_tokens=32, n_epochs=n_epochs, **optimiser
    )
    store = store or make_store()
    batches = ShuffledBatches(
        store,
        batch_size=32,
        buffer_shards=2,
        n_epochs=n_epochs,
        seed=0,
    )
    return DictionaryTrainer(
        trainer_config(batches, dictionary, spec, "cpu"),
        new_dictionary(dictionary, d_model=WIDTH, metadata={}, seed=0, device="cpu"),
        batches,
        folder=folder,
        fingerprint=fingerprint,
        optimiser=spec,
        tracker=Tracker("disabled", project="test", config={}, folder=folder, every=5),
        scaler=input_scaler(input, store.shard(0), store.facts.mean_norm, None),
    )
