"""Sharded artifacts: written beside their place, resumed shard by shard, published as a whole.

A long computation writes its shards under ``<work>/<key>/``, each by temporary file, fsync and
rename, with a small record (shapes, checksum) in ``<work>/<key>.records``. ``key`` hashes all that
determines the content, so a killed stage finds its own shards again and nobody else's. Publishing
writes ``manifest.json`` and puts the folder in its place in one step: readers see all of the new
artifact or all of the old one. Records outlive that step, and a shard counts as finished only by
its record and checksum: whatever a killed process left among the shards is never published.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.artifacts.ahead import read_ahead
from semdim.artifacts.damage import will_be_seen
from semdim.artifacts.hashing import file_digest
from semdim.artifacts.swap import put_in_place, set_aside
from semdim.artifacts.temporary import temporary_of
from semdim.errors import ArtifactError
from semdim.reading import entries, mapping, read_json, reading, taken, text

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_of(path) as stream:
        stream.write(text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with stable order and a final newline, atomically."""
    write_atomically(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def shard_paths(folder: Path, records: Path, index: int) -> tuple[Path, Path]:
    """Where a shard is while its artifact is unfinished, and its record."""
    stem = f"shard-{index:05d}"
    return folder / f"{stem}.safetensors", records / f"{stem}.json"


def write_shard(
    paths: tuple[Path, Path], tensors: "Mapping[str, Tensor]", *, temporary: str = "tmp"
) -> dict[str, Any]:
    """Write one shard so that it is there whole or not at all; returns its record.

    Args:
        paths: of the shard and of its record.
        tensors: what it holds.
        temporary: suffix of the file until it is whole; each process that may be writing the same
            shard has its own.
    """
    from safetensors.torch import save_file  # imports torch: seconds that readers can spare

    shard, record_path = paths
    unfinished = shard.with_suffix(f".{temporary}")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished)
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(shard)
    record = {
        "file": shard.name,
        "checksum": file_digest(shard),
        "tensors": {
            name: {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch.")}
            for name, t in sorted(tensors.items())
        },
    }
    write_json(record_path, record)
    return record


class ShardWriter:
    """The shards of one artifact while they are being computed.

    Args:
        final: the folder that the artifact will be.
        work: the folder for unfinished work, on the same file system as ``final``.
        key: hash of everything that determines the content.
        n_shards: how many shards make the artifact whole.
    """

    def __init__(self, final: Path, *, work: Path, key: str, n_shards: int) -> None:
        self.final = final
        self.key = key
        self.folder = work / key
        self.n_shards = n_shards
        self._records: dict[int, dict[str, Any]] = {}
        self.damaged: list[str] = []
        self.records = work / f"{key}.records"
        for folder in (self.folder, self.records):
            folder.mkdir(parents=True, exist_ok=True)
        for index in range(n_shards):
            self._adopt(index)
        self._remove_leftovers()

    def beside(self, name: str) -> "ShardWriter":
        """A writer of intermediate shards, as many, under the same key: to be read back and then
        discarded, never published."""
        return ShardWriter(
            self.final, work=self.folder.parent, key=f"{self.folder.name}-{name}",
            n_shards=self.n_shards,
        )  # fmt: skip

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of a shard that is finished."""
        from safetensors.torch import load_file

        return load_file(self._paths(index)[0])

    def discard(self) -> None:
        """Remove all that was written."""
        shutil.rmtree(self.records)
        shutil.rmtree(self.folder)

    def take(self, index: int, record: dict[str, Any]) -> None:
        """Count a shard as finished that another process wrote (`write_shard`)."""
        self._records[index] = record

    def _paths(self, index: int) -> tuple[Path, Path]:
        return shard_paths(self.folder, self.records, index)

    def _adopt(self, index: int) -> None:
        """Take over a finished shard of an earlier run, if it is whole."""
        shard, record_path = self._paths(index)
        if not record_path.exists():
            return
        try:
            record = json.loads(record_path.read_bytes())
            whole = file_digest(shard) == record["checksum"]
        except FileNotFoundError:  # published, and killed before the record was removed
            record_path.unlink()
            return
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if whole:
            self._records[index] = record
        else:
            self.damaged.append(shard.name)
            record_path.unlink()

    def _remove_leftovers(self) -> None:
        """Remove what is no finished shard: of a write that was killed, or of the artifact whose
        place this one took when the process was killed."""
        shutil.rmtree(set_aside(self.folder), ignore_errors=True)
        finished = {record["file"] for record in self._records.values()}
        for path in self.folder.iterdir():
            if path.name not in finished:
                path.unlink(missing_ok=True)

    @property
    def missing(self) -> list[int]:
        """Indices of the shards that are still to be computed."""
        return [index for index in range(self.n_shards) if index not in self._records]

    def write(self, index: int, tensors: "Mapping[str, Tensor]") -> None:
        """Write one shard so that it is there whole or not at all."""
        self._records[index] = write_shard(self._paths(index), tensors)

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest and move the whole folder into its place.

        Raises:
            ArtifactError: a shard is missing.
        """
        if self.missing:
            raise ArtifactError(
                f"{self.final} cannot be published: shards {self.missing[:5]} of {self.n_shards} "
                "are missing; run the stage again, it resumes there."
            )
        self._remove_leftovers()  # of workers that were killed
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "shards": [self._records[index] for index in range(self.n_shards)],
            "facts": dict(facts),
        }
        write_json(self.folder / MANIFEST, manifest)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(self.folder, self.final)
        shutil.rmtree(self.records)


@dataclass(frozen=True)
class Artifact:
    """A published artifact, to be read shard by shard."""

    folder: Path
    facts: dict[str, Any]
    shards: list[dict[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> "Artifact":
        """Open ``folder``.

        Raises:
            ArtifactError: there is no artifact, or another schema version wrote it.
        """
        path = folder / MANIFEST
        if not path.exists():
            raise ArtifactError(
                f"There is no artifact at {folder} (no {MANIFEST}); run `dvc repro` to compute it."
            )
        manifest = read_json(path, "the manifest of an artifact")
        if manifest.get("schema_version") != SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} has schema version {manifest.get('schema_version')}, but this semdim "
                f"reads {SCHEMA_VERSION}; recompute it with `dvc repro --force`."
            )
        facts = taken(manifest, "facts", mapping, path)
        shards = taken(manifest, "shards", entries, path)
        for shard in shards:
            for name in ("file", "checksum"):
                taken(shard, name, text, path)
            taken(shard, "tensors", mapping, path)
        return cls(folder, facts, shards)

    def __len__(self) -> int:
        return len(self.shards)

    def read(self, index: int) -> "dict[str, Tensor]":
        """The tensors of one shard, after its checksum was verified.

        Raises:
            ArtifactError: the shard is missing or damaged; the message names it.
        """
        from safetensors.torch import load_file

        record = self.shards[index]
        path = self.folder / record["file"]
        if not path.exists() or file_digest(path) != record["checksum"]:
            will_be_seen(path)
            raise ArtifactError(
                f"The shard {path} is {'damaged' if path.exists() else 'missing'}; `dvc repro` "
                "recomputes it (nothing else is lost)."
            )
        with reading(path, "a shard of tensors"):
            return load_file(path)

    def shape(self, index: int, name: str) -> tuple[int, ...]:
        """Shape of the tensor ``name`` of one shard, without reading it."""
        return tuple(self.shards[index]["tensors"][name]["shape"])

    def ahead(self, indices: Iterable[int]) -> "Iterator[dict[str, Tensor]]":
        """The shards of ``indices``, in that order; the next one is read in the background."""
        return read_ahead(self.read, indices)

    def __iter__(self) -> "Iterator[dict[str, Tensor]]":
        return self.ahead(range(len(self)))
