"""A reading on a terminal: the text with its alarms, k of every token, the verdict.

Where a look raises the alarm the text carries a mark (▲), so that it shows without colours, too.
"""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from semdim.monitor.heat import heat, heat_edges
from semdim.monitor.reading import Reading, SequenceReading, Token
from semdim.monitor.verdict_words import closest, conditions, name_of, verdict
from semdim.monitor.visible import visible

# Backgrounds by heat, legible with black text: pale yellow to orange (256-colour palette).
_HEAT = ("", "on color(230)", "on color(229)", "on color(222)", "on color(208)")
_HELD = "dim strike"
_FLAG = "bold color(231) on color(124)"
MOST_ROWS = 256
"""Tokens of which the table shows all; of a longer text it shows the largest."""
LARGEST = 32


def piece(token: Token, edges: Sequence[float]) -> Text:
    """A token of the text, coloured by k, and marked where a look raises the alarm."""
    if token.position == 0:
        return Text("")
    if token.is_let_through is False:
        return Text(_shown(token.text), style=_HELD)
    level = heat(token, edges)
    shown = Text(_shown(token.text), style=f"color(16) {_HEAT[level]}" if level else "")
    if token.flagged:
        shown += Text("▲", style=_FLAG)
    return shown


def _shown(text: str) -> str:
    """A text as it stands, but for what the terminal would obey."""
    return "\n".join(map(visible, text.split("\n")))


def show_text(console: Console, reading: Reading) -> None:
    """The text, coloured."""
    edges = heat_edges(reading)
    whole = Text()
    for token in reading.tokens:
        if token.position == 0 and token.sequence > 0:
            whole.append(" ┃ ", style="dim")
        whole.append_text(piece(token, edges))
    console.print(whole)


def show_rest(console: Console, reading: Reading, with_table: bool = True) -> None:
    """k of every token, the statistics of every sequence, the verdict and its conditions."""
    console.print()
    if with_table:
        _table(console, reading)
    if len(reading.sequences) > 1:
        _sequences(console, reading)
    elif reading.sequences and reading.sequences[0].looks:
        _looks(console, reading.sequences[0], reading)
    style = "bold" if reading.alarm is None else "bold red" if reading.alarm else "bold green"
    console.print(Text(_shown(verdict(reading)), style=style))
    for condition in conditions(reading):
        console.print(Text(_shown(f"· {condition}"), style="dim"))


def _table(console: Console, reading: Reading) -> None:
    tokens = list(reading.tokens)
    if len(tokens) > MOST_ROWS:
        tokens = sorted((t for t in tokens if t.is_scored), key=lambda t: -t.n_active)[:LARGEST]
        console.print(
            f"The {len(tokens)} largest of {len(reading.tokens)} tokens (all of them: --json):"
        )
    columns = max(1, min(4, console.width // 40))
    rows = -(-len(tokens) // columns)
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for _ in range(columns):
        table.add_column("pos", justify="right", style="dim")
        table.add_column("token", no_wrap=True, max_width=16)
        table.add_column("k", justify="right")
        table.add_column("so far", justify="right")
        table.add_column("", min_width=1)
    for row in range(rows):
        cells: list[str | Text] = []
        for column in range(columns):
            at = column * rows + row
            cells += _cells(tokens[at]) if at < len(tokens) else ["", "", "", "", ""]
        table.add_row(*cells)
    console.print(table)
    legend = f"so far: {name_of(reading)} of k over the sequence's tokens until here"
    if reading.threshold is not None:
        legend += "   ▲ above the threshold at a look"
    if reading.selection is not None:
        legend += "   × held back"
    console.print(Text(f"{legend}   · not examined (BOS)", style="dim"))
    console.print()


def _cells(token: Token) -> list[str | Text]:
    mark = "·" if not token.is_scored else "▲" if token.flagged else ""
    mark = "×" if token.is_let_through is False else mark
    style = "bold red" if token.flagged else "dim" if not token.is_scored else ""
    return [
        str(token.position),
        Text(repr(token.text)[1:-1].replace(" ", "␣") or "…", style=style),
        Text(str(token.n_active), style=style),
        Text("" if token.level is None else f"{token.level:.1f}", style="dim"),
        Text(mark, style="bold red"),
    ]


def _looks(console: Console, item: SequenceReading, reading: Reading) -> None:
    """Every look at the only sequence."""
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    for name in ("look after", "statistic of k", "value", "threshold", ""):
        table.add_column(name, justify="left" if name in ("statistic of k", "") else "right")
    for look in item.looks:
        table.add_row(
            f"{look.n_tokens} tokens", name_of(reading, look.statistic), f"{look.value:.1f}",
            f"{look.threshold:.1f}", Text("▲ above", "bold red") if look.is_above else "",
        )  # fmt: skip
    console.print(table)
    console.print()


def _sequences(console: Console, reading: Reading) -> None:
    """Of each sequence the look that is closest to its threshold, or above it."""
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    for name in ("sequence", "tokens", "mean k", "max k", "closest look", ""):
        table.add_column(name, justify="left" if name in ("closest look", "") else "right")
    for item in reading.sequences:
        found = closest([item])
        look = "" if reading.threshold is None else "ended before the first look"
        mine = [token for token in reading.compared if token.sequence == item.sequence]
        if mine:
            look = f"{sum(bool(t.is_let_through) for t in mine)} of {len(mine)} tokens let through"
        if found is not None:
            at = found[1]
            look = (
                f"{name_of(reading, at.statistic)} {at.value:.1f} after {at.n_tokens}, threshold "
                f"{at.threshold:.1f}"
            )
        said = "▲ alarm" if item.is_above else ""
        if not item.is_promised:
            said = "above, without a promise" if item.is_above else "no promise"
        style = "bold red" if item.is_above and item.is_promised else "dim"
        table.add_row(
            str(item.sequence + 1), str(item.n_scored), f"{item.mean_n_active:.1f}",
            str(item.max_n_active), look, Text(said, style=style),
        )  # fmt: skip
    console.print(table)
    console.print()
