"""The certificates that were computed at several α."""

import pandas as pd

from semdim.results.read import ProbeResults

LINES = ("holdout", "srm_topk", "token_martingale", "pool_split", "pool_occam", "occam_pool")
"""Families with one total at an α, or a smallest one that they have paid for."""


def smoothing_rows(probe: ProbeResults) -> pd.DataFrame:
    """Certificates of a risk at the largest N of each α, the main α first; none with one α."""
    rows = probe.table("bounds")
    rows = rows[rows["is_certificate"] & rows["baseline"].notna() & rows["family"].isin(LINES)]
    if rows["smoothing"].nunique() < 2:
        return rows.iloc[:0]
    # pool_split counts the tokens of fewer documents, so the largest N is each family's own
    largest = rows.groupby(["family", "method", "smoothing"])["n_tokens"].transform("max")
    return rows[rows["n_tokens"] == largest]
