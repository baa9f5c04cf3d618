"""A reading as one HTML page that needs nothing else: heat map, k over the tokens, verdict."""

from dataclasses import dataclass
from math import floor
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from semdim.monitor.drawing import plot
from semdim.monitor.heat import heat, heat_edges
from semdim.monitor.reading import Reading, Token
from semdim.monitor.selection_words import rule
from semdim.monitor.verdict_words import conditions, name_of, verdict
from semdim.monitor.visible import visible

MOST_TABLE_ROWS = 4096
HEAT_WORDS = {
    True: "Colours start above the median of ordinary tokens, with steps at 75, 95 and 99 %.",
    False: "Colours start above the median of this text's tokens, with steps at 75, 95 and 99 %.",
}
"""What the colours mean, with a threshold and without."""


@dataclass(frozen=True)
class Cell:
    """A token as the page shows it."""

    token: Token
    shown: str
    """Its text with control characters made visible."""
    label: str
    """What is said of it when one points at it."""
    level: int
    """Its heat, from 0."""
    x: float
    """Its place in the plot."""


@dataclass(frozen=True)
class Column:
    """A threshold as a column of the table of sequences."""

    name: str
    """The statistic in words."""
    statistic: str
    n_tokens: int
    """When the look is."""
    threshold: float


@dataclass(frozen=True)
class LegendEntry:
    """A level of the heat map."""

    level: int
    label: str


def render(reading: Reading) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("semdim", "monitor"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing, edges = plot(reading), heat_edges(reading)
    cells = [
        Cell(token, visible(token.text), label(token, reading), heat(token, edges), x)
        for token, x in zip(reading.tokens, drawing.x_of, strict=True)
    ]
    loader = environment.loader
    assert loader is not None
    style, script = (
        Markup(loader.get_source(environment, name)[0]) for name in ("page.css", "page.js")
    )
    return environment.get_template("page.html").render(
        reading=reading,
        title=visible(" ".join(reading.text[:60].split())),
        verdict=verdict(reading),
        conditions=conditions(reading),
        cells=cells,
        rows=cells[:MOST_TABLE_ROWS],
        plot=drawing,
        legend=_legend(cells, edges),
        statistic=name_of(reading),
        columns=_columns(reading),
        heat_words=HEAT_WORDS[reading.threshold is not None],
        n_scored=sum(token.is_scored for token in reading.tokens),
        n_written=sum(token.is_generated for token in reading.tokens),
        state=_state(reading),
        selection_rule="" if reading.selection is None else rule(reading.selection),
        style=style,
        script=script,
    )


def write_page(reading: Reading, out: Path | str) -> Path:
    """Write the page to the file ``out``, whole or not at all."""
    out = Path(out)
    temporary = out.with_name(f".{out.name}.tmp")
    temporary.write_text(render(reading), encoding="utf-8")
    temporary.replace(out)
    return out


def label(token: Token, reading: Reading) -> str:
    """One line about a token."""
    name = repr(token.text) if token.text else "(part of a character)"
    text = f"{name}, token {token.id}, position {token.position}: k = {token.n_active}"
    if not token.is_scored:
        return text + ", not examined (BOS)"
    if token.level is not None:
        text += f"; {name_of(reading)} so far {token.level:.1f}"
    if token.score is not None and reading.selection is not None:
        known = reading.selection.score
        text += f"; {known.words} of {known.shown(token.score)}" if known.column else ""
        text += ", let through" if token.is_let_through else ", held back"
    if token.flagged:
        text += ", above the threshold at this look"
    return text


def _state(reading: Reading) -> str:
    """What colours the verdict: none, quiet, alarm, or beyond (only there is something above)."""
    if reading.alarm is None:
        return "none"
    return "alarm" if reading.alarm else "beyond" if reading.above_beyond_promise else "quiet"


def _columns(reading: Reading) -> list[Column]:
    """The looks as columns of a table, one for each threshold."""
    limit = reading.threshold
    if limit is None:
        return []
    return [
        Column(name_of(reading, own.statistic), own.statistic, own.n_tokens, limit.value(own))
        for own in limit.limits
    ]


def _legend(cells: list[Cell], edges: tuple[float, ...]) -> list[LegendEntry]:
    """The levels that occur, with the k that each of them is for."""
    found = {cell.level for cell in cells if cell.token.is_scored}
    entries = []
    for level in sorted(found):
        low = floor(edges[level - 1]) + 1 if level else 0
        beyond = f"{low}–{floor(edges[level])}" if level < len(edges) else f"{low} and more"
        entries.append(LegendEntry(level, beyond))
    return entries
