"""Tables as the page shows them: no column that says the same in each row, numbers to the right."""

import itertools
from dataclasses import dataclass

from semdim.plots.tabulate import Table

PROBE = "probe"
DIGITS = frozenset("0123456789-−")
UNITLESS = frozenset("0123456789-−–.,()% /×=")


@dataclass(frozen=True)
class Cell:
    """What stands in one place."""

    text: str
    is_number: bool = False
    is_bold: bool = False


@dataclass(frozen=True)
class Group:
    """Rows about one probe."""

    name: str
    """The probe, where the page has to say so; else empty."""
    rows: list[list[Cell]]


@dataclass(frozen=True)
class PageTable:
    """A table of the page."""

    name: str
    title: str
    header: list[Cell]
    groups: list[Group]
    note: str
    is_prose: bool
    """Whether the cells are sentences."""
    is_folded: bool
    """Whether a reader opens it first."""
    csv: str
    """Address of the same numbers as CSV, relative to the page; empty when there is none."""


def page_table(
    table: Table, *, is_prose: bool = False, is_folded: bool = False, csv: str = ""
) -> PageTable:
    """A table without its column of probes: one probe needs no name, several head their rows."""
    shown = table.filled
    keep = [j for j in shown if not (j == 0 and table.header[0] == PROBE)]
    has_probes = len(keep) < len(shown)
    rows = [
        (
            row[0] if has_probes else "",
            [Cell(row[j], _is_number(row[j], is_prose), (i, j) in table.bold) for j in keep],
        )
        for i, row in enumerate(table.rows)
    ]
    groups = [
        Group(name, [cells for _, cells in part])
        for name, part in itertools.groupby(rows, key=lambda entry: entry[0])
    ]
    if len(groups) == 1:
        groups = [Group("", groups[0].rows)]
    columns = zip(*(cells for _, cells in rows), strict=True)
    numeric = [all(cell.is_number for cell in column if cell.text) for column in columns]
    header = [Cell(table.header[j], is_number) for j, is_number in zip(keep, numeric, strict=True)]
    return PageTable(
        table.name, table.title, header, groups, table.note, is_prose, is_folded, csv
    )  # fmt: skip


def _is_number(text: str, is_prose: bool) -> bool:
    return not is_prose and text[:1] in DIGITS and bool(text) and set(text) <= UNITLESS
