"""A reading as one HTML page that needs nothing else: heat map, k over the tokens, verdict."""

from collections import Counter
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from semdim.monitor.drawing import plot
from semdim.monitor.reading import Reading, Token
from semdim.monitor.terminal import heat, scale
from semdim.monitor.verdict_words import conditions, verdict

N_LEVELS = 6
MOST_TABLE_ROWS = 4096


@dataclass(frozen=True)
class Cell:
    """A token as the page shows it."""

    token: Token
    shown: str
    """Its text with control characters made visible."""
    label: str
    """What is said of it when one points at it."""
    level: int
    """0 … N_LEVELS − 1."""
    x: float
    """Its place in the plot."""


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
    drawing, top = plot(reading), scale(reading)
    cells = [
        Cell(token, visible(token.text), label(token), heat(token, top, N_LEVELS), x)
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
        legend=_legend(cells, top),
        n_scored=sum(token.is_scored for token in reading.tokens),
        n_written=sum(token.is_generated for token in reading.tokens),
        state="none" if reading.alarm is None else "alarm" if reading.alarm else "quiet",
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


def visible(text: str) -> str:
    """Control characters as pictures of themselves; line breaks stay, with a mark before them."""
    shown = []
    for character in text:
        code = ord(character)
        if character == "\n":
            shown.append("↵\n")
        elif character == "\t":
            shown.append("\t")
        elif code < 32 or code == 127:
            shown.append(chr(0x2400 + code) if code < 32 else "␡")
        else:
            shown.append(character)
    return "".join(shown)


def label(token: Token) -> str:
    """One line about a token."""
    name = repr(token.text) if token.text else "(part of a character)"
    text = f"{name}, token {token.id}, position {token.position}: k = {token.n_active}"
    if not token.is_scored:
        return text + ", not looked at (BOS)"
    if token.window_n_active is not None:
        text += f", window mean {token.window_n_active:.1f}"
    if token.flagged:
        text += ", above the threshold"
    if token.in_flagged_window:
        text += ", window above its threshold"
    return text


def _legend(cells: list[Cell], top: float) -> list[LegendEntry]:
    """The levels that occur, with the k that each of them is for."""
    found = Counter(cell.level for cell in cells if cell.token.is_scored)
    entries = []
    for level in sorted(found):
        low, beyond = (ceil(edge * top / N_LEVELS) for edge in (level, level + 1))
        text = f"{low}–{beyond - 1}" if level < N_LEVELS - 1 else f"{low} and more"
        entries.append(LegendEntry(level, text))
    return entries
