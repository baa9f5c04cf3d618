"""Every bound at the largest N, term by term."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.families import METHODS, curves
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

BOUND_TERMS = ("proxy_risk", "gap", "outside", "complexity", "tail", "gap_tail")


def bounds_table(probes: list[ProbeResults]) -> Table:
    """Every family at the largest N, with its terms and the N at which it becomes non-vacuous."""
    rows, entries = [], []
    for probe in probes:
        for curve in curves(probe):
            last, crossing = curve.last, curve.crossing
            entry = {
                "probe": probe.name,
                "family": curve.family,
                "method": curve.method,
                "is_certificate": curve.is_certificate,
                **{
                    name: last[name]
                    for name in ("unit", "n_units", "n_tokens", "k", "pool_size", *BOUND_TERMS)
                },
                "total": last["total"],
                "baseline": last["baseline"],
                "first_non_vacuous_n_tokens": crossing.n_tokens if crossing else None,
            }
            entries.append(entry)
            choice = f"k = {last['k']:.4g}" if pd.notna(last["k"]) else ""
            if pd.notna(last["pool_size"]):
                choice = f"P = {number(last['pool_size'], 0)}"
            rows.append(
                [
                    probe.name,
                    curve.label,
                    "yes" if curve.is_certificate else "no",
                    f"{number(last['n_units'], 0)} {last['unit']}s".strip(),
                    choice,
                    METHODS.get(curve.method, curve.method),
                    number(last["total"]),
                    number(last["baseline"]),
                    number(crossing.n_tokens, 0) if crossing else "none",
                    *(number(last[term]) for term in BOUND_TERMS),
                ]
            )
    return Table(
        "bounds_at_largest_n",
        "Every bound at the largest N, term by term (bits per token)",
        [
            *("probe", "bound", "certificate?", "sample", "at", "method"),
            *("total", "log₂V", "non-vacuous from N"),
            *("of it: risk", "|gap|", "outside pool", "complexity", "tail"),
            "gap tail",
        ],
        rows,
        pd.DataFrame(entries),
        note="Risk is the model’s own for holdout, and the proxy’s otherwise. For a certificate "
        "it is the mean over the units in the column “sample”, for the others over all "
        "sequences. “Non-vacuous from N” is the number of tokens used from which on the "
        "total stays below log₂V.",
    )


add_table(
    TableSpec(name="bounds_at_largest_n", section="certified", position=50, make=bounds_table)
)
