"""Damage in DVC's cache, found before a stage can be given it.

DVC names an object of its cache by the MD5 of its content and afterwards trusts the name. A damaged
one would be linked into the workspace, also in the place of what a stage has just computed again.
So check_params, which every run starts with, hashes the objects that dvc.lock names, each once and
again when its file has changed, and removes those that are not what their names say: then DVC
misses them and computes them again.
"""

import configparser
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from semdim.artifacts.shards import write_json
from semdim.errors import SemdimError
from semdim.reading import read_json

_NAME = re.compile(r"[0-9a-f]{32}(?:\.dir)?")
_NAMED = re.compile(r"md5: ([0-9a-f]{32}(?:\.dir)?)$", re.MULTILINE)
MEMORY = Path("outputs/partial/cache.json")


def remove_damaged(root: Path = Path("."), *, again: bool = False) -> list[str]:
    """Remove the damaged objects of the cache that dvc.lock names; their names.

    again: hash also what has not changed since it was hashed last, by size and time: a disk that
        loses bits by itself changes neither.
    """
    lock, cache = root / "dvc.lock", cache_folder(root)
    if not lock.is_file() or not cache.is_dir():
        return []
    memory = {} if again else _remembered(root / MEMORY)
    found: dict[str, str] = {}
    names = set(_objects(lock.read_text(encoding="utf-8"), cache))
    damaged = _removed(names, cache, memory, found)
    if any(name.endswith(".dir") for name in damaged):  # what was in the folder, nothing says now
        damaged += _removed(_all_objects(cache) - names, cache, memory, found)
    if found != memory:
        write_json(root / MEMORY, found)
    return damaged


def _removed(
    names: set[str], cache: Path, memory: Mapping[str, str], found: dict[str, str]
) -> list[str]:
    """Remove those objects that are damaged; the marks of the whole ones are added to ``found``."""
    damaged = []
    for name in sorted(names):
        path = _place(cache, name)
        if not path.is_file():
            continue
        mark = f"{path.stat().st_size} {path.stat().st_mtime_ns} {path.stat().st_ino}"
        if memory.get(name) == mark or _is_whole(path, name):
            found[name] = mark
        else:
            path.unlink()
            damaged.append(name)
    return damaged


def _all_objects(cache: Path) -> set[str]:
    names = ("".join(path.parts[-2:]) for path in cache.glob("??/*"))
    return {name for name in names if _NAME.fullmatch(name)}


def cache_folder(root: Path) -> Path:
    """Where DVC keeps files by the MD5 of their content."""
    folder = root / ".dvc" / "cache"
    for name in ("config", "config.local"):
        settings = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            settings.read(root / ".dvc" / name, encoding="utf-8")
        except configparser.Error:  # DVC itself says what is wrong with it
            continue
        folder = root / ".dvc" / settings.get("cache", "dir", fallback=str(folder.absolute()))
    return folder / "files" / "md5"


def _objects(lock: str, cache: Path) -> Iterator[str]:
    """The objects that a dvc.lock names, and those in the folders among them."""
    for name in set(_NAMED.findall(lock)):
        yield name
        if name.endswith(".dir"):
            try:
                entries = json.loads(_place(cache, name).read_text(encoding="utf-8"))
                yield from (str(entry["md5"]) for entry in entries)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # missing, or damaged, as its hash will tell


def _place(cache: Path, name: str) -> Path:
    return cache / name[:2] / name[2:]


def _is_whole(path: Path, name: str) -> bool:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest() == name.partition(".")[0]


def _remembered(path: Path) -> dict[str, str]:
    try:
        return read_json(path)
    except SemdimError:
        return {}
