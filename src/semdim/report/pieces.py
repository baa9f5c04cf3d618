"""What stands where: the figures, tables and readings of each section, in order."""

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semdim.errors import ArtifactError
from semdim.failures import attempt
from semdim.plots.catalogue import FIGURES, FigureSpec, figures, tables
from semdim.plots.draw import left_out_of
from semdim.plots.sections import SECTIONS
from semdim.plots.tabulate import Table
from semdim.report.files import Files
from semdim.report.page_tables import page_table
from semdim.report.sentences import readings
from semdim.report.spoken import Told
from semdim.results.read import ProbeResults


@dataclass(frozen=True)
class FigureEntry:
    """A figure as the page shows it."""

    spec: FigureSpec
    number: int | None
    """Its number on the page; None when it is not drawn."""
    images: list[str]
    """Data URIs: its drawing and, where there is one, that for narrow screens; empty when it is
    not drawn."""
    lacking: list[str]
    """Names of the probes that have nothing to draw here."""
    sentences: list[Told]
    """What its readings say."""
    reason: str = ""
    """Why it is not drawn although its data is there; empty: it is, or there is none."""


@dataclass(frozen=True)
class Piece:
    """A figure, a table, or the paragraphs of a reading."""

    position: int
    name: str
    kind: Literal["figure", "table", "reading"]
    content: Any
    """`FigureEntry`, `PageTable`, or sentences."""


class Place:
    """The pieces of one section, which its text takes bit by bit."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._left = sorted(pieces, key=lambda piece: (piece.position, piece.name))
        self._is_empty = not self._left

    def __bool__(self) -> bool:
        """Whether anything stands here, taken already or not."""
        return not self._is_empty

    def until(self, position: int) -> list[Piece]:
        """The pieces below this position that were not taken yet."""
        taken = [piece for piece in self._left if piece.position < position]
        self._left = [piece for piece in self._left if piece.position >= position]
        return taken

    def rest(self) -> list[Piece]:
        """All that was not taken yet: it stands at the end of the section."""
        taken, self._left = self._left, []
        return taken


def figure_entries(
    probes: list[ProbeResults], folder: Path, written: Mapping[str, list[Told]]
) -> dict[str, FigureEntry]:
    """Every figure by name, numbered in the order of the page.

    written: the sentences of each reading, by its name.

    Raises:
        ArtifactError: a figure that can be drawn was not.
        ConfigError: a reading belongs to a figure that does not exist.
    """
    said: dict[str, list[Told]] = defaultdict(list)
    for entry in readings():
        if entry.figure is not None:
            FIGURES[entry.figure]  # a name that no figure has is refused
            said[entry.figure] += written[entry.name]
    entries: dict[str, FigureEntry] = {}
    numbers = iter(range(1, len(figures()) + 1))
    failed = left_out_of(folder)
    for spec in figures():
        can_be, reason = attempt(spec.can_draw, probes)
        reason = failed.get(spec.name, reason)
        is_drawn = bool(can_be) and not reason
        lacking, _ = attempt(spec.lacking, probes)
        entries[spec.name] = FigureEntry(
            spec,
            next(numbers) if is_drawn else None,
            [_embed(folder / f"{name}.svg") for name in spec.drawings] if is_drawn else [],
            lacking or [],
            said[spec.name],
            reason,
        )
    return entries


def places(
    made: Mapping[str, Table],
    entries: Mapping[str, FigureEntry],
    written: Mapping[str, list[Told]],
    files: Files,
) -> dict[str, Place]:
    """Every section with what stands in it: figures that are drawn, tables with rows, readings with
    something to say."""
    found: dict[str, list[Piece]] = {section: [] for section in SECTIONS}
    for section, piece in (*_figures(entries), *_tables(made, files), *_paragraphs(written)):
        found[section].append(piece)
    return {section: Place(pieces) for section, pieces in found.items()}


def _figures(entries: Mapping[str, FigureEntry]) -> Iterator[tuple[str, Piece]]:
    for name, entry in entries.items():
        if entry.number is not None:
            yield entry.spec.section, Piece(entry.spec.position, name, "figure", entry)


def _tables(made: Mapping[str, Table], files: Files) -> Iterator[tuple[str, Piece]]:
    for spec in tables():
        if spec.name in made:
            content = page_table(
                made[spec.name],
                is_prose=spec.is_prose,
                is_folded=spec.is_folded,
                csv=files.table(spec.name),
            )
            yield spec.section, Piece(spec.position, spec.name, "table", content)


def _paragraphs(written: Mapping[str, list[Told]]) -> Iterator[tuple[str, Piece]]:
    for entry in readings():
        if entry.section is not None and written[entry.name]:
            yield entry.section, Piece(entry.position, entry.name, "reading", written[entry.name])


def absent(entries: Mapping[str, FigureEntry]) -> list[dict[str, Any]]:
    """What was not computed: whole figures, and probes missing from one; why figures failed."""
    rows: list[dict[str, Any]] = []
    for entry in entries.values():
        row = {"title": entry.spec.title, "probes": [], "how": entry.spec.how, "reason": ""}
        if entry.reason:
            rows.append(row | {"reason": entry.reason})
        elif entry.number is None and not entry.spec.is_extra:
            rows.append(row)
        elif entry.number is not None and entry.lacking:
            rows.append(row | {"probes": entry.lacking})
    return rows


def bounds_left_out(probes: list[ProbeResults]) -> list[tuple[str, str]]:
    """Families of bounds that could not be computed: the probe, and which, where and why."""
    return [(probe.name, reason) for probe in probes for reason in probe.left_out]


def _embed(path: Path) -> str:
    """A figure as a data URI. SVG, because it stays sharp; in an <img>, because the ids inside two
    SVGs of one page would collide. Raises ArtifactError when the figure was not drawn."""
    if not path.is_file():
        raise ArtifactError(
            f"{path} is missing although its data exist; run the stage plot before the report."
        )
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
