"""The risk, bin by bin of how sparse a text's codes are."""

import numpy as np
import pandas as pd

from semdim.plots.families import main_rows
from semdim.results.read import ProbeResults


def sparsity_bins(probe: ProbeResults) -> pd.DataFrame:
    """Rows of the family risk_by_sparsity at the largest N, with numeric columns left and right.

    An edge that is missing or infinite means that the bin has no end on that side.
    """
    rows = main_rows(probe)
    rows = rows[rows["family"] == "risk_by_sparsity"]
    if rows.empty:
        return rows.assign(left=pd.Series(dtype=float), right=pd.Series(dtype=float))
    rows = rows[rows["n_tokens_asked"] == rows["n_tokens_asked"].max()].copy()
    rows["left"] = rows["bin_left"].astype(float)
    rows["right"] = rows["bin_right"].astype(float)
    return rows.sort_values(["left", "right"], na_position="first").reset_index(drop=True)


def bin_label(left: float, right: float) -> str:
    """A bin in words: `45–55`, `up to 45`, `above 70`."""
    left_open, right_open = not np.isfinite(left) or left <= 0, not np.isfinite(right)
    if left_open and right_open:
        return "all"
    if left_open:
        return f"up to {right:.4g}"
    return f"above {left:.4g}" if right_open else f"{left:.4g}–{right:.4g}"
