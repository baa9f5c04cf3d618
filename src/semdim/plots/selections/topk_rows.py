"""The certificate against the number of atoms kept."""

import pandas as pd

from semdim.plots.families import main_rows
from semdim.results.read import ProbeResults


def topk_rows(probe: ProbeResults) -> pd.DataFrame:
    """Rows of srm_topk_frontier, ordered by N of the grid and k."""
    rows = main_rows(probe)
    rows = rows[(rows["family"] == "srm_topk_frontier") & rows["k"].notna()]
    return rows.sort_values(["n_tokens_asked", "k"]).reset_index(drop=True)


def has_frontier(probe: ProbeResults) -> bool:
    """Whether some N has the certificate at two k or more."""
    rows = topk_rows(probe)
    return bool(len(rows)) and int(rows.groupby("n_tokens_asked")["k"].nunique().max()) > 1


def best_k(probe: ProbeResults) -> pd.DataFrame:
    """k*(N): the row of the smallest certificate at each N, ascending."""
    rows = topk_rows(probe)
    best = rows.loc[rows.groupby("n_tokens_asked")["total"].idxmin()]
    return best.sort_values("n_tokens_asked").reset_index(drop=True)
