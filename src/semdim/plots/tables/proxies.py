"""Losses through every proxy."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.proxy_rows import ablation_rows
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def proxies_table(probes: list[ProbeResults]) -> Table:
    """Every proxy's losses."""
    rows, parts = [], []
    for probe in probes:
        table = ablation_rows(probe)
        parts.append(table.drop(columns=["place", "size", "other_splice"], errors="ignore"))
        parts[-1] = parts[-1].assign(probe=probe.name)
        for _, row in table.iterrows():
            rows.append(
                [
                    probe.name,
                    str(row["words"]),
                    str(row["splice"]),
                    number(row["n_sequences"], 0),
                    *(number(row[name], 3) for name in ("risk", "signed_gap", "abs_gap", "nll")),
                ]
            )
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    order = [c for c in ("probe", "proxy", "words", "splice", "k") if c in data.columns]
    order += [
        c for c in ("n_sequences", "risk", "signed_gap", "abs_gap", "nll") if c in data.columns
    ]
    return Table(
        "proxies",
        "Losses through every proxy (bits per token, means over sequences)",
        [
            "probe",
            "proxy",
            "splice",
            "sequences",
            "risk (smoothed)",
            "signed gap",
            "mean |gap|",
            "nll (raw)",
        ],
        rows,
        data[order],
        note="Signed gap = model − proxy: risk + signed gap is the model’s own risk, whatever the "
        "proxy; the bound needs mean |gap|. All are means over the sequences of the sample, "
        "as in the published bound, not over documents, as in a certificate.",
    )


add_table(TableSpec(name="proxies", section="ablations", position=50, make=proxies_table))
