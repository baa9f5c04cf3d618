"""A folder of several artifacts, of which those that still hold are kept when one joins or leaves.

The keys of what lies in the folder stand beside it in ``<folder>.keys.json``: each with the digest
of the manifest that it belongs to, so that an artifact of another time is never taken for it.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from semdim.artifacts.hashing import file_digest
from semdim.artifacts.shards import MANIFEST, write_json
from semdim.errors import ArtifactError
from semdim.reading import entries, read_json, taken


class KeptFolder:
    """Artifacts of one folder, by the names of their sub-folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys_file = folder.with_name(f"{folder.name}.keys.json")
        try:
            self._keys = read_json(self.keys_file)
        except ArtifactError:  # nothing that is there can be taken over
            self._keys = {}

    def holds(self, name: str, key: str) -> bool:
        """Whether the artifact ``name`` is there, whole, and was made under ``key``."""
        entry, manifest = self._keys.get(name), self.folder / name / MANIFEST
        if not isinstance(entry, Mapping) or entry.get("key") != key or not manifest.is_file():
            return False
        if file_digest(manifest) != entry.get("manifest"):
            return False
        shards = taken(read_json(manifest), "shards", entries, manifest)
        return all(self._is_whole(name, shard) for shard in shards)

    def _is_whole(self, name: str, shard: Mapping[str, str]) -> bool:
        path = self.folder / name / shard["file"]
        return path.is_file() and file_digest(path) == shard["checksum"]

    def note(self, keys: Mapping[str, str]) -> None:
        """Write down what is there now; sub-folders that are not named are removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in keys:
                shutil.rmtree(path)
        entries = {
            name: {"key": key, "manifest": file_digest(self.folder / name / MANIFEST)}
            for name, key in keys.items()
        }
        write_json(self.keys_file, entries)
        self._keys = entries
