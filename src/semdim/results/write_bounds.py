"""bounds.csv and curve.csv: a row per bound, and the curves over N that DVC plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.artifacts.shards import write_atomically, write_json
from semdim.bounds.result import Bound
from semdim.bounds.summary import curves
from semdim.ledger.rows import Rows
from semdim.results.cells import csv_text
from semdim.results.schema import check_columns
from semdim.results.write_proxies import proxies_of_ledger

if TYPE_CHECKING:
    import pandas as pd

    from semdim.ledger.facts import LedgerFacts


NOT_OVER_N = (
    "srm_topk_frontier", "risk_by_sparsity", "faithfulness_quantile", "holdout_by_source",
    "holdout_mixture",
)  # fmt: skip
"""Beginnings of the names of curves that are left out of curve.csv."""


def write_bounds(
    folder: Path,
    bounds: Sequence[Bound],
    summary: Mapping[str, Any],
    ledger: Rows,
    facts: "LedgerFacts",
    smoothing: float,
    left_out: Sequence[str] = (),
) -> "dict[str, pd.DataFrame]":
    """Write bounds.csv, curve.csv, proxies.csv and bound.json; returns the tables by name.

    Args:
        bounds: of every family, N and α.
        summary: `semdim.bounds.summary.headline` of them.
        ledger: rows of the sample, further columns joined.
        facts: of that ledger.
        smoothing: the α of the curves and of the proxies' table.
        left_out: what could not be computed, and why; ``left_out`` of bound.json, if anything.
    """
    tables = {
        "bounds": bounds_table(bounds),
        "curve": curve_table(bounds, smoothing),
        "proxies": proxies_of_ledger(ledger, facts.proxies, smoothing, facts.vocab_size),
    }
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", as_csv(table))
    absent = {"left_out": list(left_out)} if left_out else {}
    write_json(folder / "bound.json", {**summary, **absent})
    return tables


def write_surface(folder: Path, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Write surface.csv, a row for each N and k, and return it."""
    import pandas as pd

    from semdim.bounds.surface import COLUMNS

    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    check_columns("surface", table)
    write_atomically(folder / "surface.csv", as_csv(table))
    return table


def as_csv(table: "pd.DataFrame") -> str:
    """A table of bounds as text: eight digits, which the report prints four of."""
    return csv_text(table, "%.8g")


def bounds_table(bounds: Sequence[Bound]) -> "pd.DataFrame":
    """bounds.csv: a row for each family, N and α."""
    import pandas as pd

    table = pd.DataFrame([bound.to_row() for bound in bounds])
    check_columns("bounds", table)
    return table


def curve_table(bounds: Sequence[Bound], smoothing: float) -> "pd.DataFrame":
    """curve.csv, what DVC plots: a row for each N of the grid, a column for each curve's total."""
    import pandas as pd

    columns = {
        name: {bound.size.grid_n_tokens: bound.total for bound in curve}
        for (name, alpha), curve in curves(bounds).items()
        if alpha == smoothing and not name.startswith(NOT_OVER_N)
    }
    table = pd.DataFrame(columns).sort_index().rename_axis("n_tokens").reset_index()
    check_columns("curve", table)
    return table
