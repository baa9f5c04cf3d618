"""A reading on a terminal: the text with its flagged tokens, k of every token, the verdict.

What is flagged carries a mark (▲k, and ~ for a window), so that it shows without colours, too.
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from semdim.monitor.reading import Reading, Token
from semdim.monitor.verdict_words import conditions, verdict

# Backgrounds by heat, legible with black text: pale yellow to orange (256-colour palette).
_HEAT = ("", "on color(230)", "on color(229)", "on color(222)", "on color(215)", "on color(208)")
_FLAG = "bold color(231) on color(124)"
MOST_ROWS = 256
"""Tokens of which the table shows all; of a longer text it shows the largest."""
LARGEST = 32


def heat(token: Token, top: float, n_levels: int) -> int:
    """Level 0 … n_levels − 1 of a token's n_active, the last one from ``top`` on."""
    if not token.is_scored or top <= 0:
        return 0
    return min(int(token.n_active / top * n_levels), n_levels - 1)


def scale(reading: Reading) -> float:
    """The n_active that is shown as hottest: the threshold, or without one the largest."""
    if reading.threshold is not None:
        return max(reading.threshold.max_n_active, 1.0)
    return float(max((t.n_active for t in reading.tokens if t.is_scored), default=1)) or 1.0


def piece(token: Token, top: float) -> Text:
    """A token of the text, coloured by n_active and marked when flagged."""
    if token.position == 0:
        return Text("")
    if token.flagged:
        return Text(token.text, style=_FLAG) + Text(f"▲{token.n_active} ", style="bold color(124)")
    level = heat(token, top, len(_HEAT))
    shown = Text(token.text, style=f"color(16) {_HEAT[level]}" if level else "")
    if token.in_flagged_window:
        shown += Text("~", style="bold color(124)")
    return shown


def show_text(console: Console, reading: Reading) -> None:
    """The text, coloured."""
    top = scale(reading)
    whole = Text()
    for token in reading.tokens:
        if token.position == 0 and token.sequence > 0:
            whole.append(" ┃ ", style="dim")
        whole.append_text(piece(token, top))
    console.print(whole)


def show_rest(console: Console, reading: Reading, with_table: bool = True) -> None:
    """k of every token, the statistics of every sequence, the verdict and its conditions."""
    console.print()
    if with_table:
        _table(console, reading)
    if len(reading.sequences) > 1:
        _sequences(console, reading)
    style = "bold" if reading.alarm is None else "bold red" if reading.alarm else "bold green"
    console.print(Text(verdict(reading), style=style))
    for condition in conditions(reading):
        console.print(Text(f"· {condition}", style="dim"))


def _table(console: Console, reading: Reading) -> None:
    tokens = list(reading.tokens)
    if len(tokens) > MOST_ROWS:
        tokens = sorted((t for t in tokens if t.is_scored), key=lambda t: -t.n_active)[:LARGEST]
        console.print(
            f"The {len(tokens)} largest of {len(reading.tokens)} tokens (all of them: --json):"
        )
    columns = max(1, min(4, console.width // 34))
    rows = -(-len(tokens) // columns)
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for _ in range(columns):
        table.add_column("pos", justify="right", style="dim")
        table.add_column("token", no_wrap=True, max_width=16)
        table.add_column("k", justify="right")
        table.add_column("", min_width=2)
    for row in range(rows):
        cells: list[str | Text] = []
        for column in range(columns):
            at = column * rows + row
            cells += _cells(tokens[at]) if at < len(tokens) else ["", "", "", ""]
        table.add_row(*cells)
    console.print(table)
    console.print(
        Text("▲ n_active above the threshold   ~ window mean above its threshold   "
             "· not looked at (BOS)", style="dim")
    )  # fmt: skip
    console.print()


def _cells(token: Token) -> list[str | Text]:
    mark = "·" if not token.is_scored else "▲" if token.flagged else ""
    mark += "~" if token.in_flagged_window else ""
    style = "bold red" if token.flagged else "dim" if not token.is_scored else ""
    return [
        str(token.position),
        Text(repr(token.text)[1:-1].replace(" ", "␣") or "…", style=style),
        Text(str(token.n_active), style=style),
        Text(mark, style="bold red"),
    ]


def _sequences(console: Console, reading: Reading) -> None:
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    for name in ("sequence", "tokens", "mean k", "max k", "window mean", "alarm"):
        table.add_column(name, justify="right")
    for item in reading.sequences:
        alarms = ["max"] * bool(item.max_alarm) + ["window"] * bool(item.window_alarm)
        moving = "-" if item.window_n_active is None else f"{item.window_n_active:.1f}"
        table.add_row(
            str(item.sequence + 1), str(item.n_scored), f"{item.mean_n_active:.1f}",
            str(item.max_n_active), moving, " ".join(alarms),
        )  # fmt: skip
    console.print(table)
    console.print()
