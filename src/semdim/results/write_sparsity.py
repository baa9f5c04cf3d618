"""radii.csv, and sparsity.json: k, C_c and C of each corpus, for DVC and for trackers."""

from pathlib import Path
from typing import TYPE_CHECKING

from semdim.artifacts.shards import write_atomically, write_json
from semdim.results.cells import csv_text
from semdim.results.schema import check_columns

if TYPE_CHECKING:
    import pandas as pd


def write_sparsity(
    folder: Path, sparsity: "pd.DataFrame", radii: "pd.DataFrame"
) -> dict[str, dict[str, float]]:
    """Write both files and return what sparsity.json holds: by corpus, position 0 and BOS left out.

    Args:
        folder: of the probe's results.
        sparsity: `semdim.uncertainty.table1.sparsity_table`.
        radii: `semdim.ledger.radii.radii_table`; of each quantity the largest value counts, with
            norm outliers and without, beside the share of these outliers.
    """
    scored = sparsity[sparsity["positions"] == "without_bos"]
    statistics = {
        str(row["corpus"]): {name: round(float(row[name]), 4) for name in ("mean", "std", "max")}
        for _, row in scored.iterrows()
    }
    for corpus, numbers in statistics.items():
        rows = radii[radii["corpus"] == corpus]
        for positions, ending in (("without_bos", ""), ("without_outliers", "_without_outliers")):
            part = rows[rows["positions"] == positions].set_index("quantity")
            largest = part["max"].astype(float).round(4).to_dict()
            numbers |= {f"{name}{ending}": value for name, value in largest.items()}
        counts = rows[rows["quantity"] == "code_radius"].set_index("positions")["n_tokens"]
        familiar, inside = counts.get("without_outliers", 0), counts["without_bos"]
        numbers["outlier_share"] = round(1.0 - float(familiar) / float(inside), 8)
    check_columns("radii", radii)
    write_atomically(folder / "radii.csv", csv_text(radii, "%.6g"))
    write_json(folder / "sparsity.json", statistics)
    return statistics
