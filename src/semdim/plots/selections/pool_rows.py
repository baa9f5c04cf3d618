"""The certificate against the size of a pool of atoms."""

import pandas as pd

from semdim.plots.families import main_rows
from semdim.results.read import ProbeResults

POOL_FAMILIES = ("pool_split", "pool_occam", "occam_pool")
PENALTIES = ("outside", "complexity", "tail", "gap_tail")


def pool_rows(probe: ProbeResults) -> pd.DataFrame:
    """Rows of the pool families at the largest N of each, the family's name also in `pool`."""
    rows = main_rows(probe)
    rows = rows[rows["pool_size"].notna()].copy()
    rows["pool"] = rows["family"]
    rows = rows[rows["pool"].isin(POOL_FAMILIES)]
    if rows.empty:
        return rows
    largest = rows.groupby("pool")["n_tokens_asked"].transform("max")
    rows = rows[rows["n_tokens_asked"] == largest].copy()
    rows["measured"] = rows["proxy_risk"].fillna(0.0) + rows["gap"].fillna(0.0)
    rows["penalty"] = rows[list(PENALTIES)].fillna(0.0).sum(axis=1)
    return rows.sort_values(["pool", "pool_size"]).reset_index(drop=True)
