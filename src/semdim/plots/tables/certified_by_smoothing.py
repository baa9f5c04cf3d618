"""The certificates of a risk at every α of the grid, which all hold at once."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.families import METHODS, family_style
from semdim.plots.selections.smoothing_rows import smoothing_rows
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def certified_by_smoothing(probes: list[ProbeResults]) -> Table:
    """A row for each certificate and method, a column for each α, at the largest N."""
    found = [(probe, smoothing_rows(probe)) for probe in probes]
    values = list(dict.fromkeys(a for _, rows in found for a in rows["smoothing"].tolist()))
    rows: list[list[str]] = []
    entries: list[dict[str, object]] = []
    bold: set[tuple[int, int]] = set()
    for probe, part in found:
        for (family, method), group in part.groupby(["family", "method"], sort=False):
            totals = group.groupby("smoothing")["total"].min().to_dict()
            bold.add((len(rows), 2 + values.index(min(totals, key=lambda a: totals[a]))))
            label = f"{family_style(str(family)).label} ({METHODS.get(str(method), str(method))})"
            rows.append([probe.name, label, *(number(totals.get(a)) for a in values)])
            entries += [
                {"probe": probe.name, "family": family, "method": method, "smoothing": a,
                 "total": float(total)}
                for a, total in totals.items()
            ]  # fmt: skip
    return Table(
        "certified_by_smoothing",
        "Certified risk at every α of the grid, at the largest N (bits per token)",
        ["probe", "certificate", *(f"α = {a:g}" for a in values)],
        rows,
        pd.DataFrame(entries),
        bold=frozenset(bold),
        note="The values of α were declared beforehand and share δ, so the totals in a row hold "
        "simultaneously, and the smallest may be quoted with its α. Each α defines a "
        "different loss: the smaller α is, the less of the uniform distribution is mixed in.",
    )


add_table(
    TableSpec(
        name="certified_by_smoothing", section="certified", position=55, make=certified_by_smoothing
    )
)
