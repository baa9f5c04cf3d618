"""Shards that are kept in memory: for samples that fit, where nothing is to outlive the call."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor


class MemoryShards:
    """A `ShardSink` and a `ShardSource` (`semdim.artifacts.protocols`) in one.

    What was written is read as it is, not copied: a reader leaves it unchanged, as all of
    the engine does.

    Args:
        name: what messages call it.
        n_shards: how many shards make it whole.
    """

    def __init__(self, name: str, n_shards: int) -> None:
        self.folder = self.final = Path(name)
        self.facts: dict[str, Any] = {}
        self._n_shards = n_shards
        self._shards: dict[int, dict[str, Tensor]] = {}

    @property
    def missing(self) -> list[int]:
        """Indices of the shards that are still to be computed."""
        return [index for index in range(self._n_shards) if index not in self._shards]

    def write(self, index: int, tensors: "Mapping[str, Tensor]") -> None:
        """Keep one shard."""
        self._shards[index] = {name: tensor.contiguous() for name, tensor in tensors.items()}

    def beside(self, name: str) -> "MemoryShards":
        """A place for as many intermediate shards."""
        return MemoryShards(f"{self.folder}-{name}", self._n_shards)

    def discard(self) -> None:
        """Forget all that was written."""
        self._shards.clear()

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Keep the facts.

        Raises:
            ArtifactError: a shard is missing.
        """
        if self.missing:
            raise ArtifactError(
                f"The {self.folder} in memory lack the shards {self.missing[:5]} of "
                f"{self._n_shards}: write them before publishing."
            )
        self.facts = dict(facts)

    def __len__(self) -> int:
        return self._n_shards

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """Shape of a tensor of one shard."""
        return tuple(self.read(index)[name].shape)

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of one shard.

        Raises:
            ArtifactError: it was not written.
        """
        if index not in self._shards:
            raise ArtifactError(
                f"The {self.folder} in memory have no shard {index} of {self._n_shards}: write it "
                "before reading."
            )
        return dict(self._shards[index])

    def ahead(self, indices: Iterable[int]) -> "Iterator[dict[str, Tensor]]":
        """Several shards, in the order of ``indices``."""
        return map(self.read, indices)

    def __iter__(self) -> "Iterator[dict[str, Tensor]]":
        return self.ahead(range(len(self)))


class MemoryPlace:
    """A `semdim.artifacts.protocols.ShardPlace` in memory."""

    def __init__(self) -> None:
        self._artifacts: dict[str, MemoryShards] = {}

    def sink(self, name: str, n_shards: int) -> MemoryShards:
        """New shards called ``name``; they take the place of earlier ones."""
        self._artifacts[name] = MemoryShards(name, n_shards)
        return self._artifacts[name]

    def source(self, name: str) -> MemoryShards:
        """The shards called ``name``.

        Raises:
            ArtifactError: there are none.
        """
        if name not in self._artifacts:
            raise ArtifactError(f"There are no {name} in memory; compute them first.")
        return self._artifacts[name]
