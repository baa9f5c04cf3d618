"""Table 1: how many atoms are active per token, corpus by corpus."""

import pandas as pd

from semdim.results.read import ProbeResults

SCORED = "without_bos"
"""The positions that statements about sparsity are about."""
POSITIONS = {"without_bos": "position 0 left out", "all": "position 0 included"}
COVERED = 0.99
"""Share of a panel's tokens inside its axis; what is beyond is counted in the corner."""


def sparsity_rows(probe: ProbeResults) -> pd.DataFrame:
    """Table 1 without position 0, a row per corpus, the probe's corpora in order."""
    table = probe.table("sparsity")
    rows = table[table["positions"] == SCORED].set_index("corpus")
    return rows.reindex([corpus for corpus in probe.corpora if corpus in rows.index])
