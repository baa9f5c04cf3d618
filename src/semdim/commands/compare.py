"""`semdim compare`: two runs side by side. Starts without torch, pandas or matplotlib."""

import csv
import itertools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semdim.errors import ConfigError
from semdim.quoting import visible

if TYPE_CHECKING:
    from semdim.compare.configuration import Difference
    from semdim.compare.numbers import Row, Value
    from semdim.compare.side import Pairs, Side

DIGITS = {"tokens": 0, "atoms": 2, "nats": 1}
"""Digits behind the point; 3 for every other unit."""
FIGURE = "compare.png"
WIDTHS = (38, 13, 13, 11)
"""Of the columns, in characters: with a blank between two of them, a terminal's 80."""

EPILOG = """
A and B are folders of results (results, results/probes/NAME, a point of a sweep), revisions of git,
or experiments of DVC; REVISION:FOLDER where a revision keeps its results elsewhere. Examples:

  semdim compare HEAD~1 results

  semdim compare results/probes/smollm2-135m_layer15 docs/two_models/probes/gemma-3-270m_layer9

  semdim compare main tidy-fox --only-changed --figure tidy-fox.png

The difference is B − A. Bounds are compared at the largest N that both have.
"""


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="a folder, a revision or an experiment")],
    b: Annotated[str, typer.Argument(metavar="B", help="another one")],
    figure: Annotated[
        Path | None,
        typer.Option(
            help="where to write the figure, as png and svg (default: compare_A_B/compare.png)"
        ),
    ] = None,
    no_figure: Annotated[bool, typer.Option("--no-figure", help="draw nothing")] = False,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="leave out numbers that are equal")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print JSON; write a figure only with --figure")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="print CSV; write a figure only with --figure")
    ] = False,
) -> None:
    """Compare two runs: what differs in their settings, and in bounds, gaps and k."""
    if as_json and as_csv:
        raise ConfigError("--json and --csv exclude each other: choose one.")
    if figure is not None and no_figure:
        raise ConfigError("--figure and --no-figure exclude each other: choose one.")
    if figure is not None and figure.suffix not in (".png", ".svg"):
        raise ConfigError(f"--figure {figure} should end in .png (the svg is written with it).")
    _compare(a, b, figure, not (no_figure or as_json or as_csv), only_changed, as_json, as_csv)


def _compare(
    a: str, b: str, figure: Path | None, draw: bool, only_changed: bool, as_json: bool, as_csv: bool
) -> None:
    from semdim.compare.configuration import differences
    from semdim.compare.numbers import compared
    from semdim.compare.side import paired, read_side

    left, right = read_side(a), read_side(b)
    pairs = paired(left, right)
    changes = [differences(pair) for pair in pairs.both]
    tables = [
        [row for row in compared(pair) if row.difference != 0.0 or not only_changed]
        for pair in pairs.both
    ]
    if as_json:
        print(
            json.dumps(_content(left, right, pairs, changes, tables), indent=2, ensure_ascii=False)
        )
    elif as_csv:
        _print_csv(pairs, changes, tables)
    else:
        _print(left, right, pairs, changes, tables)
    if figure is not None or draw:
        out = figure or Path(f"compare_{_file_name(a)}_{_file_name(b)}") / FIGURE
        written = _draw(pairs, left, right, out)
        print(
            " ".join(map(str, written))
            if written
            else "no figure, because there is nothing to draw",
            file=sys.stderr if as_json or as_csv else sys.stdout,
        )


def _draw(pairs: "Pairs", a: "Side", b: "Side", out: Path) -> list[Path]:
    from semdim.compare.figure import has_numbers, overlay
    from semdim.plots.style import save
    from semdim.writing import writing

    drawable = [pair for pair in pairs.both if has_numbers(pair)]
    if not drawable:
        return []
    with writing(out):
        return save(overlay(drawable, a.name, b.name), out.parent, out.stem)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.~-]+", "-", name).strip("-.") or "here"


def _print(
    a: "Side",
    b: "Side",
    pairs: "Pairs",
    changes: "list[list[Difference]]",
    tables: "list[list[Row]]",
) -> None:
    from rich.text import Text

    from semdim.commands.screen import Screen
    from semdim.compare.configuration import incomplete
    from semdim.compare.numbers import common_size

    console = Screen()
    for letter, side in (("A", a), ("B", b)):
        named = f"  {visible(side.name)}  ({visible(side.what)})"
        console.print(Text.assemble((letter, "bold"), named), soft_wrap=True)
    for pair, changed, rows in zip(pairs.both, changes, tables, strict=True):
        console.print(f"\n{pair.name}", style="bold")
        note = incomplete(pair)
        if note:
            console.print(f"note: {note}", soft_wrap=True)
        if changed:
            console.print(_settings_table(changed))
        else:
            console.print("No setting differs.")
        if not rows:
            console.print("No number differs.")
            continue
        size = common_size(pair)
        at = (
            "each side's own largest N"
            if size is None
            else f"N = {size:,}, the largest that both have"
        )
        _print_numbers(console, rows, at)
    for letter, names in (("A", pairs.only_a), ("B", pairs.only_b)):
        if names:
            console.print(f"only in {letter}, and not compared: {', '.join(names)}", soft_wrap=True)


def _settings_table(changes: "list[Difference]") -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("setting", overflow="fold")
    for letter in "AB":
        table.add_column(letter, overflow="fold")
    for change in changes:
        values = (_shown(value) for value in (change.a, change.b))
        if change.setting.endswith("fingerprint"):
            values = (f"{value[:12]}…" for value in values)
        table.add_row(change.setting, *values)
    return table


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _print_numbers(console: Any, rows: "list[Row]", at: str) -> None:
    from rich.table import Table

    from semdim.compare.numbers import AT_ONE_SIZE

    longest = 2 + max(len(row.quantity) for row in rows)
    header = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
    header.add_row("", "A", "B", "B − A", style="bold")
    tables = [("", header)]
    for group, of_group in itertools.groupby(rows, key=lambda row: row.group):
        table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
        for row in of_group:
            table.add_row(f"  {row.quantity}", *_cells(row))
        tables.append((f"{group}, at {at}" if group in AT_ONE_SIZE else group, table))
    for heading, table in tables:
        table.columns[0].width, table.columns[0].overflow = min(WIDTHS[0], longest), "fold"
        for column, width in zip(table.columns[1:], WIDTHS[1:], strict=True):
            column.width, column.justify, column.no_wrap = width, "right", True
        if heading:
            console.print(heading, style="bold", soft_wrap=True)
        console.print(table)


def _cells(row: "Row") -> tuple[str, str, str]:
    """A, B and B − A as they are read."""
    whole = all(value is None or value.value == int(value.value) for value in (row.a, row.b))
    digits = 0 if row.unit == "atoms" and whole else DIGITS.get(row.unit, 3)
    return _cell(row.a, digits), _cell(row.b, digits), _difference(row.difference, digits)


def _cell(value: "Value | None", digits: int) -> str:
    if value is None:
        return "—"
    text = f"{value.value:,.{digits}f}"
    if value.low is None or value.high is None:
        return text
    return f"{text} ± {(value.high - value.low) / 2:.3f}"


def _difference(difference: float | None, digits: int) -> str:
    if difference is None:
        return ""
    if difference == 0.0:
        return "same"
    text = f"{difference:+,.{digits}f}"
    # A change that the digits do not show is a change all the same.
    return text if float(text.replace(",", "")) else f"{difference:+.1e}"


def _content(
    a: "Side",
    b: "Side",
    pairs: "Pairs",
    changes: "list[list[Difference]]",
    tables: "list[list[Row]]",
) -> dict[str, Any]:
    from semdim.compare.configuration import incomplete
    from semdim.compare.numbers import common_size

    return {
        "a": {"name": a.name, "what": a.what, "probes": list(a.probes)},
        "b": {"name": b.name, "what": b.what, "probes": list(b.probes)},
        "only_in_a": pairs.only_a,
        "only_in_b": pairs.only_b,
        "compared": [
            {
                "probe": pair.name,
                "settings": [vars(change) for change in changed],
                "settings_note": incomplete(pair),
                "bounds_at_n_tokens": common_size(pair),
                "numbers": [_entry(row) for row in rows],
            }
            for pair, changed, rows in zip(pairs.both, changes, tables, strict=True)
        ],
    }


def _entry(row: "Row") -> dict[str, Any]:
    entry: dict[str, Any] = {"group": row.group, "quantity": row.quantity, "unit": row.unit}
    for letter, value in (("a", row.a), ("b", row.b)):
        entry[letter] = None if value is None else value.value
        if value is not None and value.low is not None:
            entry[f"{letter}_low"], entry[f"{letter}_high"] = value.low, value.high
    return entry | {"difference": row.difference}


def _print_csv(
    pairs: "Pairs", changes: "list[list[Difference]]", tables: "list[list[Row]]"
) -> None:
    columns = [
        *("probe", "group", "quantity", "unit", "a", "b", "difference"),
        *("a_low", "a_high", "b_low", "b_high"),
    ]
    from semdim.results.cells import safe

    def write(row: dict[str, Any]) -> None:
        writer.writerow({name: safe(value) for name, value in row.items()})

    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for letter, names in (("a", pairs.only_a), ("b", pairs.only_b)):
        for name in names:
            write({"probe": name, "group": "probe", "quantity": f"only in {letter}"})
    for pair, changed, rows in zip(pairs.both, changes, tables, strict=True):
        for change in changed:
            values = {"a": _shown(change.a), "b": _shown(change.b)}
            entry = {"probe": pair.name, "group": "setting", "quantity": change.setting}
            write(entry | values)
        for row in rows:
            write({"probe": pair.name} | _entry(row))
