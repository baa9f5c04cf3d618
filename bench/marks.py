"""The part of a page that a bench writes: between two comments."""

from pathlib import Path

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError


def around(page: Path, begin: str, end: str) -> tuple[str, str]:
    """What stands before and after the two marks.

    Raises:
        ArtifactError: the page lacks them, or has them more than once or in the wrong order.
    """
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ArtifactError(f"{page} must hold the lines {begin!r} and {end!r} once, in order.")
    return text.split(begin)[0], text.split(end)[1]


def write_between(page: Path, begin: str, end: str, *blocks: str) -> None:
    """Write blocks, an empty line around each, between the marks.

    Raises:
        ArtifactError: as `around`.
    """
    before, after = around(page, begin, end)
    write_atomically(page, "\n\n".join([before + begin, *blocks, end]) + after)
