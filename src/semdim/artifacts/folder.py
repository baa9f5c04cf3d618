"""Shards under one folder by name, for a run that knows its own settings: a benchmark, a test.

The pipeline's stages take more care: there the key of unfinished work hashes everything that
determines it (`semdim.artifacts.shards`).
"""

from dataclasses import dataclass
from pathlib import Path

from semdim.artifacts.shards import Artifact, ShardWriter


@dataclass(frozen=True)
class FolderPlace:
    """A `semdim.artifacts.protocols.ShardPlace` on the disk."""

    folder: Path
    """Artifacts lie in its folders; unfinished work under ``partial``."""

    def sink(self, name: str, n_shards: int) -> ShardWriter:
        """A writer of the artifact ``name``, which finds what an earlier call has finished."""
        key = name.replace("/", "-")
        work = self.folder / "partial"
        return ShardWriter(self.folder / name, work=work, key=key, n_shards=n_shards)

    def source(self, name: str) -> Artifact:
        """The artifact that was published as ``name``.

        Raises:
            ArtifactError: there is none.
        """
        return Artifact.open(self.folder / name)
