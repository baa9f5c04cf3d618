"""Where activations come from: read from disk, or computed again from the tokens.

Code that needs activations takes a `ShardSource` and does the same mathematics on any. A cached
artifact (`semdim.artifacts.shards.Artifact`) is one; `RecomputedActivations` is another, for
samples whose activations would not fit a disk. Both give the same tensors to the bit, in the same
shards.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxtyping import Int
from torch import Tensor

from semdim.activations.cache import joined, shard_activations
from semdim.artifacts.protocols import ShardSource
from semdim.forward.batching import Batches
from semdim.forward.split import SplitModel
from semdim.tokens.sample import shard_ranges

#: Shards ``{"activation": [s, T, d_model]}``.
ActivationSource = ShardSource


class RecomputedActivations:
    """The activations of ``token_ids``, computed whenever they are read; one shard in memory.

    Args:
        split: the model, in the dtype that the activations are to have.
        token_ids: the whole sample.
        shard_sequences: sequences in a shard.
        batch_sequences: sequences in one forward pass.
        folder: the artifact that stands for them.
    """

    def __init__(
        self,
        split: SplitModel,
        token_ids: Int[Tensor, "sequences context"],
        *,
        shard_sequences: int,
        batch_sequences: int,
        folder: Path,
    ) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {}
        self._split = split
        self._token_ids = token_ids
        self._ranges = shard_ranges(len(token_ids), shard_sequences)
        self._batches = Batches(batch_sequences, str(split.device))

    def __len__(self) -> int:
        return len(self._ranges)

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """[sequences, context, d_model] of a shard."""
        if name != "activation":
            raise KeyError(name)
        start, stop = self._ranges[index]
        return (stop - start, self._token_ids.shape[1], self._split.d_model)

    def read(self, index: int) -> dict[str, Tensor]:
        """One shard.

        Raises:
            DataError: an activation is NaN or infinite.
        """
        start, stop = self._ranges[index]
        where = f"the activations of sequences {start} to {stop - 1}"
        parts = shard_activations(self._split, self._token_ids[start:stop], self._batches)
        return {"activation": joined(list(parts), where)}

    def ahead(self, indices: Iterable[int]) -> Iterator[dict[str, Tensor]]:
        """Several shards. None is computed ahead: the cores have enough to do."""
        return map(self.read, indices)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self.ahead(range(len(self)))


class Remembered:
    """A source whose last shard is kept: two that read it in step have it computed once."""

    def __init__(self, source: ShardSource) -> None:
        self._source = source
        self._last: tuple[int, dict[str, Tensor]] | None = None

    @property
    def folder(self) -> Path:
        """That of the source."""
        return self._source.folder

    @property
    def facts(self) -> Mapping[str, Any]:
        """Those of the source."""
        return self._source.facts

    def __len__(self) -> int:
        return len(self._source)

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """Shape of a shard's tensor."""
        return self._source.shape(index, name)

    def read(self, index: int) -> dict[str, Tensor]:
        """One shard."""
        if self._last is None or self._last[0] != index:
            self._last = None  # not two of them in memory
            self._last = (index, self._source.read(index))
        return self._last[1]

    def ahead(self, indices: Iterable[int]) -> Iterator[dict[str, Tensor]]:
        """Several shards, each when it is asked for."""
        return map(self.read, indices)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self.ahead(range(len(self)))
