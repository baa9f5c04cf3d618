"""Table 1: how many atoms are active per token."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.sparsity_rows import POSITIONS
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def sparsity_table(probes: list[ProbeResults]) -> Table:
    """Table 1: n_active per corpus, with and without position 0."""
    columns = ["n_tokens", "mean", "std", "min", "q05", "q50", "q95", "q99", "max"]
    parts, rows = [], []
    for probe in probes:
        table = probe.table("sparsity")
        for positions, words in POSITIONS.items():
            part = table[table["positions"] == positions].set_index("corpus")
            part = part.reindex([c for c in probe.corpora if c in part.index]).reset_index()
            parts.append(part.assign(probe=probe.name))
            for _, row in part.iterrows():
                cells = [number(row[c], 2 if c in ("mean", "std") else 0) for c in columns]
                corpus = f"{row['corpus']} ({probe.role(str(row['corpus']))})"
                rows.append([probe.name, corpus, words, *cells])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    order = ["probe", "corpus", "positions", *columns]
    return Table(
        "table1_sparsity",
        "Table 1. Atoms active per token",
        [
            *("probe", "corpus", "positions", "tokens", "mean", "std", "min"),
            *("5 %", "median", "95 %", "99 %", "max"),
        ],
        rows,
        data[order] if len(data) else pd.DataFrame(columns=order),
        note="Quantiles are shown because mean, std and max alone hide whether a tail is one "
        "token or many.",
    )


add_table(TableSpec(name="table1_sparsity", section="sparsity", position=20, make=sparsity_table))
