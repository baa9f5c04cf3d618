"""Table 1 of the paper with this run's numbers below it, in the paper's own columns."""

import pandas as pd

from semdim.paper import MODELS
from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.sparsity_rows import sparsity_rows
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

HEADER = ("model", "source", "text", "mean k", "std", "max k", "mean k / d_model")
COLUMNS = ("model", "source", "corpus", "role", "mean", "std", "max", "relative_k")
NOTE = (
    "The paper’s rows are quoted from its Table 1; its English set is half Python code, and it "
    "does not say whether position 0 counts. Here position 0 and BOS are left out. d_model is that "
    "of the public models; the paper gives the ratio no number."
)


def paper_table1(probes: list[ProbeResults]) -> Table:
    """The paper's six cells as rows, then a row per probe and corpus. Empty without probes' rows:
    then there is nothing to set beside the paper."""
    entries = [
        (
            model.name,
            "the paper, Table 1",
            row.condition,
            row.role,
            row.mean,
            row.std,
            row.max,
            row.mean / model.d_model,
        )
        for model in MODELS
        for row in model.table1
    ]
    n_quoted = len(entries)
    for probe in probes:
        width = (probe.setup.get("model") or {}).get("d_model")
        for corpus, row in sparsity_rows(probe).iterrows():
            mean = float(row["mean"])
            relative = mean / width if width else float("nan")
            role = probe.role(str(corpus))
            spread, largest = float(row["std"]), int(row["max"])
            entries.append((probe.name, "here", str(corpus), role, mean, spread, largest, relative))
    if len(entries) == n_quoted:
        entries = []
    data = pd.DataFrame(entries, columns=pd.Index(COLUMNS))
    rows = [
        [
            *(model, source, corpus if source != "here" else f"{corpus} ({role})"),
            *(number(mean), number(std), number(largest, 0), number(relative, 3)),
        ]
        for model, source, corpus, role, mean, std, largest, relative in entries
    ]
    return Table(
        "paper_table1",
        "The paper’s Table 1 compared with ours",
        list(HEADER),
        rows,
        data,
        note=NOTE,
    )


add_table(TableSpec(name="paper_table1", section="sparsity", position=25, make=paper_table1))
