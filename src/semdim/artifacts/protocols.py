"""What the engine asks of a place for shards, so that the same functions fill a disk or a dict.

`semdim.artifacts.shards` is the disk (`ShardWriter`, `Artifact`), `semdim.artifacts.memory` is
memory (`MemoryShards`, both in one). A `ShardPlace` holds several by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class MissingShards(Protocol):
    """Shards that are to be computed: all of an artifact's, or one that a worker was given."""

    @property
    def final(self) -> Path:
        """Where they will be found; messages name it."""

    @property
    def missing(self) -> list[int]:
        """Indices of the shards that are still to be computed, ascending."""

    def write(self, index: int, tensors: "Mapping[str, Tensor]") -> None:
        """Take one shard, whole."""

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of a shard that is finished, on the CPU."""


@runtime_checkable
class ShardSink(MissingShards, Protocol):
    """Shards while they are being computed. What is finished is never computed again."""

    def beside(self, name: str) -> "ShardSink":
        """A place for as many intermediate shards: to be read back and discarded, never
        published."""

    def discard(self) -> None:
        """Forget all that was written."""

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Make the shards available as a whole.

        Raises:
            ArtifactError: a shard is missing.
        """


@runtime_checkable
class ShardSource(Protocol):
    """Shards to be read, in order, one in memory at a time."""

    @property
    def folder(self) -> Path:
        """Where they are, or what stands for them; messages name it."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was published with them."""

    def __len__(self) -> int: ...

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """Shape of a shard's tensor, without reading it."""

    def read(self, index: int) -> "dict[str, Tensor]":
        """One shard, on the CPU.

        Raises:
            ArtifactError: it is missing or damaged.
        """

    def ahead(self, indices: Iterable[int]) -> "Iterator[dict[str, Tensor]]":
        """Several shards, in the order of ``indices``."""

    def __iter__(self) -> "Iterator[dict[str, Tensor]]": ...


@runtime_checkable
class ShardPlace(Protocol):
    """Where the artifacts of one run lie, by name."""

    def sink(self, name: str, n_shards: int) -> ShardSink:
        """Where to write the artifact ``name``."""

    def source(self, name: str) -> ShardSource:
        """The artifact ``name``, which was published before.

        Raises:
            ArtifactError: it was not.
        """


def is_stored(source: ShardSource) -> bool:
    """Whether an artifact holds its activations or codes; else it holds what is kept of them, and
    they are computed again where they are needed (``engine.store_activations: false``,
    ``engine.store_codes: false``)."""
    return bool(source.facts.get("stored", True))
