"""Which tables belong to a run: a chain of small files, one for each corpus or probe.

A stage that joins the tables of all corpora depends on the last link. The link's content changes
when a table of this run does, and not when a table of another run lies beside it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from semdim.artifacts.hashing import file_digest
from semdim.artifacts.shards import write_json
from semdim.errors import ArtifactError


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


def _links(link: Path) -> list[Mapping[str, Any]]:
    try:
        return list(json.loads(link.read_text(encoding="utf-8"))["links"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{link} is missing or damaged; `dvc repro` writes it again."
        ) from error
