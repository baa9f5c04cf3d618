"""A table of the report, written as CSV (numbers) and Markdown (words)."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from semdim.artifacts.shards import write_atomically
from semdim.results.cells import csv_text


@dataclass(frozen=True)
class Table:
    """A table, once as numbers and once as it is read."""

    name: str
    """File name without its ending."""
    title: str
    """Heading."""
    header: list[str]
    """Column headings as read."""
    rows: list[list[str]]
    """Cells as read."""
    data: pd.DataFrame
    """The same with full precision, for the CSV file."""
    bold: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    """Cells (row, column) that stand out."""
    note: str = ""
    """What a reader must know."""

    @property
    def filled(self) -> list[int]:
        """Columns that are not empty throughout: the ones a page shows."""
        return [j for j in range(len(self.header)) if any(row[j] for row in self.rows)]

    def to_markdown(self) -> str:
        """GitHub's Markdown."""

        def line(cells: list[str]) -> str:
            shown = (cells[j].replace("|", "\\|") for j in self.filled)
            return "| " + " | ".join(shown) + " |"

        body = [
            line([f"**{c}**" if (i, j) in self.bold else c for j, c in enumerate(row)])
            for i, row in enumerate(self.rows)
        ]
        rule = "|" + "|".join(" --- " for _ in self.filled) + "|"
        note = f"\n{self.note}\n" if self.note else ""
        return "\n".join([f"### {self.title}", "", line(self.header), rule, *body, note])

    def write(self, folder: Path) -> list[Path]:
        """Write `folder`/<name>.csv and .md; returns the paths."""
        paths = [folder / f"{self.name}.csv", folder / f"{self.name}.md"]
        write_atomically(paths[0], csv_text(self.data, "%.8g"))
        write_atomically(paths[1], self.to_markdown().rstrip() + "\n")
        return paths


def number(value: object, digits: int = 2) -> str:
    """A number as read: thousands with commas, an empty cell where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, str)):
        return str(value)
    real = round(float(value), digits) + 0.0  # type: ignore[arg-type]  # no −0.00
    if math.isnan(real):
        return ""
    return f"{real:,.0f}" if real == int(real) and digits == 0 else f"{real:,.{digits}f}"
