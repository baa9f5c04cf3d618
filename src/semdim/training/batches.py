"""Shuffled batches of activations, with a position to resume from."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from semdim.errors import DataError
from semdim.training.store import ShardStore


class ShuffledBatches(Iterator[Tensor]):
    """Every activation once per epoch, in batches whose neighbours come from many documents.

    ``buffer_shards`` shards are in memory at once and are mixed; the shards of a buffer are drawn
    again for each epoch, and the windows in a shard are already shuffled over the corpus. The order
    follows from the seed and the position alone, so a run that is resumed at batch i sees exactly
    what an unbroken one sees from there on.
    """

    def __init__(
        self,
        store: ShardStore,
        *,
        batch_size: int,
        buffer_shards: int,
        n_epochs: int,
        seed: int,
        device: str = "cpu",
    ) -> None:
        """``batch_size`` is what a batch has at most: a buffer is cut into equal batches. A buffer
        goes to ``device`` as a whole and is mixed there: the order is the same on every device.

        Raises:
            DataError: a buffer's worth of text is more than there is, or less than a batch.
        """
        if store.n_shards < buffer_shards:
            raise DataError(
                f"The corpus gives {store.n_shards} shards of {store.shard_sequences} windows, "
                f"fewer than the mixing buffer of {buffer_shards}; give more text (n_tokens) or "
                "set a smaller buffer."
            )
        self.store = store
        self.batch_size = batch_size
        self.buffer_shards = buffer_shards
        self.n_epochs = n_epochs
        self.seed = seed
        self.device = device
        if store.rows_in(0) * buffer_shards < batch_size:
            raise DataError(
                f"A mixing buffer of {store.rows_in(0) * buffer_shards} tokens is smaller than a "
                f"batch of {batch_size}; set a larger buffer or a smaller batch."
            )
        self.position = 0
        self._plan = [group for epoch in range(n_epochs) for group in self._groups(epoch)]
        self._steps = [self._n_batches(shards) for _, shards in self._plan]
        self.n_steps = sum(self._steps)
        self._loaded: tuple[int, list[Tensor]] | None = None

    @property
    def mean_batch(self) -> float:
        """Mean size of a batch, outliers counted in."""
        rows = sum(self.store.rows_in(i) for _, shards in self._plan for i in shards)
        return rows / self.n_steps

    def __next__(self) -> Float[Tensor, "batch d_model"]:
        remaining = self.position
        for group, n_steps in enumerate(self._steps):
            if remaining < n_steps:
                self.position += 1
                return self._batches(group)[remaining].float()
            remaining -= n_steps
        raise StopIteration

    def _groups(self, epoch: int) -> list[tuple[int, list[int]]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(self.store.n_shards, generator=generator).tolist()
        size = self.buffer_shards
        return [(epoch, order[i : i + size]) for i in range(0, len(order), size)]

    def _n_batches(self, shards: list[int]) -> int:
        return math.ceil(sum(self.store.rows_in(i) for i in shards) / self.batch_size)

    def _batches(self, group: int) -> list[Tensor]:
        if self._loaded is None or self._loaded[0] != group:
            self._loaded = None  # frees the old buffer before the new one is read
            epoch, shards = self._plan[group]
            buffer = torch.cat([self.store.shard(i) for i in shards]).to(self.device)
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * group + epoch)
            order = torch.randperm(len(buffer), generator=generator).to(self.device)
            shuffled = buffer[order]
            self._loaded = (group, list(shuffled.tensor_split(self._steps[group])))
        return self._loaded[1]
