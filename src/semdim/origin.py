"""What tells the content of a source: digests of files, versions of packages, commits of a hub."""

import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from semdim.artifacts.hashing import file_digest
from semdim.artifacts.shards import write_atomically
from semdim.errors import ConfigError, SemdimError
from semdim.reading import read_json

#: Digests of large files, by path, size and time of change, so that they are not read at each run.
MEMORY = Path("outputs/partial/digests.json")
LARGE = 2**24


def files(paths: Iterable[Path], *, relative_to: Path) -> dict[str, str]:
    """SHA-256 of each file, by its path below ``relative_to``.

    Raises:
        ConfigError: a file cannot be read.
    """
    try:
        found = digests(sorted(paths))
    except OSError as error:
        where = error.filename or "A file"
        raise ConfigError(f"{where} cannot be read: {error.strerror or error}.") from error
    return {path.relative_to(relative_to).as_posix(): digest for path, digest in found.items()}


def digests(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of each file, in the order given; a large one that did not change is not read again.

    Raises:
        OSError: a file cannot be read.
    """
    memory, found, fresh = _memory(), {}, {}
    for path in paths:
        state = path.stat()
        mark = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
        found[path] = memory.get(mark) or file_digest(path)
        if state.st_size >= LARGE:
            fresh[mark] = found[path]
    if set(fresh) - set(memory):
        write_atomically(MEMORY, json.dumps({**memory, **fresh}, indent=1))
    return found


def _memory() -> Mapping[str, str]:
    try:
        return read_json(MEMORY)
    except SemdimError:
        return {}


def package_version(distribution: str) -> str | None:
    """Version of an installed distribution; None when there is none of this name."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def hub_commit(repo: str, revision: str | None, kind: str = "models") -> str | None:
    """The commit that the local cache holds of a hub's repository; None when it holds none.

    kind: ``models`` or ``datasets``.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE) / f"{kind}--{repo.replace('/', '--')}"
    named = revision or "main"
    if (folder / "snapshots" / named).is_dir():
        return named
    reference = folder / "refs" / named
    return reference.read_text(encoding="utf-8").strip() if reference.is_file() else None


def as_record(**entries: Any) -> dict[str, Any]:
    """The entries that say something."""
    return {name: value for name, value in entries.items() if value is not None}
