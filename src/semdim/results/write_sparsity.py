"""sparsity.json: the mean, spread and maximum of k on each corpus, for DVC and for trackers."""

from pathlib import Path
from typing import TYPE_CHECKING

from semdim.artifacts.shards import write_json

if TYPE_CHECKING:
    import pandas as pd


def write_sparsity(folder: Path, sparsity: "pd.DataFrame") -> dict[str, dict[str, float]]:
    """Write the file and return its content: by corpus, position 0 and BOS left out."""
    inside = sparsity[sparsity["positions"] == "without_bos"]
    statistics = {
        str(row["corpus"]): {name: round(float(row[name]), 4) for name in ("mean", "std", "max")}
        for _, row in inside.iterrows()
    }
    write_json(folder / "sparsity.json", statistics)
    return statistics
