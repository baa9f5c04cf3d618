"""`semdim bound --from`: a computed table of bounds, summed up and then term by term.

Starts without torch, pandas or scipy.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from rich.table import Table
from rich.text import Text

from semdim.bounds.family import families, kinds
from semdim.bounds.result import TERMS
from semdim.bounds.words import can_be_certificate, in_words, status
from semdim.commands.screen import Screen
from semdim.errors import ConfigError
from semdim.quoting import visible
from semdim.results.bounds_rows import read_bounds

Row = dict[str, Any]
_WIDTH = 60
"""Characters of a quantity in the summary; it stands in full with the terms below."""


def explain(folder: Path, n_tokens: int | None, family: str | None, as_json: bool) -> None:
    """Print the bounds of a results folder at one N.

    Args:
        folder: holds bounds.csv.
        n_tokens: N; None: the largest. One between two of the file gives the nearest, and says so.
        family: this one alone; None: all but the details.

    Raises:
        ArtifactError: there is no table of bounds.
        ConfigError: the table has no such family, or nothing near that N.
    """
    rows = read_bounds(folder)
    sizes = sorted({_asked(row) for row in rows})
    size = _size(folder, rows, sizes, n_tokens)
    there = list(dict.fromkeys(row["family"] for row in rows))
    if family is not None and family not in there:
        raise ConfigError(f"{folder} has no family {family!r}; it has {', '.join(there)}.")
    chosen = _chosen(rows, size, family)
    if not chosen:
        at = sorted({_asked(row) for row in rows if row["family"] == family})
        raise ConfigError(
            f"{folder} has the family {family!r} only at N = {_listed(at)}, not at {size:,}."
        )
    if n_tokens is not None and size != n_tokens:
        note = f"there is no bound at N = {n_tokens:,}; this is N = {size:,}, of {_listed(sizes)}"
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print(json.dumps(chosen, indent=2, ensure_ascii=False))
        return
    console = Screen()
    _sum_up(console, folder, chosen, sizes, size)
    for row in chosen:
        name = row["family"]
        colour = "green" if _certified(row) else "yellow"
        title = f"{name}: {status(name, _certified(row), row['unit'])}"
        heading = Text.assemble(
            (visible(title), f"bold {colour}"), "  ", (visible(_describe(row)), "dim")
        )
        console.print(heading, soft_wrap=True)
        console.print(_row_table(row))


def _size(folder: Path, rows: Sequence[Row], sizes: list[int], asked: int | None) -> int:
    """The N of the table that is meant: one that it was asked for or used, or the nearest."""
    if asked is None:
        return sizes[-1]
    used = {int(row["n_tokens"]): _asked(row) for row in rows}
    if asked in sizes or asked in used:
        return asked if asked in sizes else used[asked]
    if not sizes[0] < asked < sizes[-1]:
        raise ConfigError(
            f"{folder} has no bound near N = {asked:,}: it has {_listed(sizes)}; compute others "
            f"with `python -m stages.assemble_bound unit.probe={folder.name} "
            f"'bound.n_tokens=[{asked}]'`."
        )
    return min(sizes, key=lambda size: max(size / asked, asked / size))


def _chosen(rows: Sequence[Row], size: int, family: str | None) -> list[Row]:
    if family is not None:
        return [row for row in rows if _asked(row) == size and row["family"] == family]
    details = {kind.name for kind in kinds().values() if kind.headline == "none"}
    at_largest = {k.name for f in families() if f.at == "largest N" for k in f.kinds}
    here = [row for row in rows if _asked(row) == size or row["family"] in at_largest]
    return [row for row in here if row["family"] not in details]


def _sum_up(
    console: Screen, folder: Path, rows: Sequence[Row], sizes: Sequence[int], size: int
) -> None:
    """What the rows say in a table: the smallest total of each family, quantity and α."""
    best: dict[tuple[str, Any, Any, bool], Row] = {}
    for row in rows:
        key = (row["family"], row.get("subject"), row.get("smoothing"), _certified(row))
        if key not in best or row["total"] < best[key]["total"]:
            best[key] = row
    baseline = next((row["baseline"] for row in rows if row.get("baseline") is not None), None)
    against = "" if baseline is None else f", against log2 V = {baseline:.3f}"
    heading = Text.assemble(
        (visible(folder.name), "bold"),
        f" at N = {size:,} tokens (the file has {_listed(sizes)}): the smallest of each family, "
        f"bits per token{against}",
    )
    console.print(heading, soft_wrap=True)
    table = Table(box=None, padding=(0, 1, 0, 2))
    for name in ("family", "", "α", "total", "of"):
        table.add_column(name, justify="right" if name in ("α", "total") else "left")
    for (name, subject, smoothing, certified), row in best.items():
        where = [f"{key} = {row[key]}" for key in ("method", "proxy") if row.get(key) is not None]
        worth = "certificate" if certified else "not a certificate"
        about = str(subject).split(":")[0] if subject else ", ".join(where)
        about = shorten(about, _WIDTH, placeholder=" …")
        share = "" if smoothing is None else f"{smoothing:g}"
        table.add_row(name, worth, share, f"{row['total']:.3f}", about)
    console.print(table)
    console.print()


def _certified(row: Row) -> bool:
    return bool(row["is_certificate"]) and can_be_certificate(row["family"])


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(f"{size:,}" for size in sizes)


def _asked(row: Row) -> int:
    """N of the grid, which rows of different families share; older tables have the N used alone."""
    return int(row.get("n_tokens_asked") or row["n_tokens"])


def _describe(row: Row) -> str:
    keys = ("method", "proxy", "k", "bin", "pool_size", "share_above", "smoothing")
    extras = [
        f"{key} {row[key]:g}" if isinstance(row[key], float) else f"{key} {row[key]}"
        for key in keys
        if row.get(key) is not None
    ]
    return f"{in_words(row['family'])}; {', '.join(extras)}"


def _row_table(row: Row) -> Table:
    total = row["total"]
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for term, words in TERMS.items():
        if row.get(term) is not None:
            table.add_row(term, f"{row[term]:.6f}", "bits", words)
    table.add_row("total", f"{total:.6f}", "bits", str(row.get("subject") or "the bound"))
    if row.get("baseline") is not None:
        slack = row["baseline"] - total
        verdict = (
            "below the uniform guess" if slack > 0 else "says nothing, because it is above log2 V"
        )
        table.add_row("slack", f"{slack:.6f}", "bits", f"log2 V − total: {verdict}")
    table.add_row("N", f"{row['n_tokens']:,}", "tokens", "used, BOS included")
    if row.get("n_units") is not None:
        table.add_row("n", f"{row['n_units']:,}", f"{row['unit']}s", "taken to be independent")
    ledger = row.get("failure_ledger") or ""
    table.add_row("δ", f"{row['failure_prob']:g}", "", f"spent on: {ledger}")
    return table
