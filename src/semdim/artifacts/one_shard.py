"""One shard of an unfinished artifact, as a worker sees it that was given this shard alone.

A `semdim.artifacts.shards.ShardWriter` tidies up where it is made, so there is one of it, in the
process that publishes. Workers write beside each other, each its own shards.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from semdim.artifacts.hashing import file_digest
from semdim.artifacts.shards import ShardWriter, shard_paths, write_shard

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Unfinished:
    """Where the shards of an artifact lie while it is computed: what other processes are told."""

    final: Path
    """The folder that the artifact will be."""
    folder: Path
    """Its shards, until then."""
    records: Path
    """What is known of each."""
    n_shards: int

    @classmethod
    def of(cls, writer: ShardWriter) -> "Unfinished":
        """The place that ``writer`` publishes from."""
        return cls(writer.final, writer.folder, writer.records, writer.n_shards)

    def only(self, index: int) -> "OneShard":
        """One of its shards, to be computed."""
        return OneShard(self, index)

    def record(self, index: int) -> dict[str, Any] | None:
        """The record of a shard that is finished and whole."""
        shard, record_path = shard_paths(self.folder, self.records, index)
        try:
            record = json.loads(record_path.read_text(encoding="utf-8"))
            return record if file_digest(shard) == record["checksum"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of a shard that is finished."""
        from safetensors.torch import load_file

        return load_file(shard_paths(self.folder, self.records, index)[0])


class OneShard:
    """A `semdim.artifacts.protocols.MissingShards` with at most one shard missing."""

    def __init__(self, place: Unfinished, index: int) -> None:
        self.final = place.final
        self.record = place.record(index)
        """Of the shard, once it is finished; a shard that was computed twice is finished too."""
        self._place = place
        self._index = index

    @property
    def missing(self) -> list[int]:
        """The shard's index, until it is finished; nothing where the artifact ends before it."""
        is_there = self.record is not None or self._index >= self._place.n_shards
        return [] if is_there else [self._index]

    def write(self, index: int, tensors: "Mapping[str, Tensor]") -> None:
        """Write the shard, whole, also where another process is writing the same one."""
        paths = shard_paths(self._place.folder, self._place.records, index)
        self.record = write_shard(paths, tensors, temporary=f"{uuid4().hex}.tmp")

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of a shard that is finished."""
        return self._place.read(index)
