"""Which tables belong to a run: a chain of small files, one for each corpus or probe.

A stage that joins the tables of all corpora depends on the last link. The link's content changes
when a table of this run does, and not when a table of another run lies beside it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semdim.artifacts.hashing import file_digest
from semdim.artifacts.shards import write_json
from semdim.reading import entries, mapping, read_json, taken, text


def start(link: Path) -> None:
    """Write the link before the first one."""
    write_json(link, {"links": []})


def extend(before: Path, link: Path, name: str, files: Iterable[Path]) -> None:
    """Write ``link``: what ``before`` lists, and ``name`` with the digests of its files."""
    entry = {"name": name, "files": {path.as_posix(): file_digest(path) for path in files}}
    write_json(link, {"links": [*_links(before), entry]})


def names(link: Path) -> list[str]:
    """What the chain up to ``link`` lists, in order.

    Raises:
        ArtifactError: the link is missing or damaged.
    """
    return [str(entry["name"]) for entry in _links(link)]


def files(link: Path) -> list[str]:
    """The files that the chain up to ``link`` lists, in order; raises as `names`."""
    return [file for entry in _links(link) for file in sorted(taken(entry, "files", mapping, link))]


def _links(link: Path) -> list[dict[str, Any]]:
    found = taken(read_json(link, "a list of tables"), "links", entries, link)
    for entry in found:
        taken(entry, "name", text, link)
    return found
