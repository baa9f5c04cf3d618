"""The model's certified risk on each source of the text, and on the mixture of them."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.families import METHODS
from semdim.plots.selections.source_rows import source_rows
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def risk_by_source(probes: list[ProbeResults]) -> Table:
    """A row for each source of a probe's sample, then one for the mixture."""
    rows, parts = [], []
    for probe in probes:
        found = source_rows(probe).assign(probe=probe.name)
        parts.append(found)
        for _, row in found.iterrows():
            rows.append(
                [
                    probe.name,
                    str(row["text"]),
                    f"{number(row['n_units'], 0)} {row['unit']}s",
                    "yes" if row["is_certificate"] else "no",
                    METHODS.get(str(row["method"]), str(row["method"])),
                    number(row["proxy_risk"], 3),
                    number(row["total"], 3),
                ]
            )
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    kept = ["probe", "text", "n_units", "unit", "is_certificate", "method", "proxy_risk", "total"]
    return Table(
        "risk_by_source",
        "The model’s risk by text source (bits per token)",
        ["probe", "text", "sample", "certificate?", "method", "measured", "at most"],
        rows,
        data.reindex(columns=kept),
        note="The bounds for the sources share δ and hold simultaneously; the bound for the "
        "mixture is a separate statement.",
    )


add_table(TableSpec(name="risk_by_source", section="certified", position=60, make=risk_by_source))
