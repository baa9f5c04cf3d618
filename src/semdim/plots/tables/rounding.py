"""How much of k is rounding: the same tokens in float32 and in bfloat16."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

DTYPES = ("float32", "bfloat16")


def rounding_table(probes: list[ProbeResults]) -> Table:
    """A row per probe and corpus: how often k is the same, how far it moves, and what that does to
    its mean, median and maximum and to the paper's rule."""
    parts, rows = [], []
    for probe in probes:
        table = probe.table("rounding")
        parts.append(table.assign(probe=probe.name))
        for row in table.to_dict("records"):
            changes = [number(row[f"change_{name}"], 0) for name in ("q50", "q95", "q99", "max")]
            rows.append(
                [
                    probe.name,
                    str(row["corpus"]),
                    number(row["n_tokens"], 0),
                    f"{row['equal']:.1%}".replace("%", " %"),
                    " / ".join(changes),
                    _both(row, "mean", 1),
                    _both(row, "median", 0),
                    _both(row, "max", 0),
                    " / ".join(f"{100 * row[f'above_{dtype}']:.0f} %" for dtype in DTYPES),
                    _both(row, "massive", 0),
                ]
            )
    threshold = {f"{t:.0f}" for part in parts for t in part["threshold"]}
    limit = threshold.pop() if len(threshold) == 1 else "the threshold"
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "rounding",
        "How much of k is rounding: the same tokens in float32 / in bfloat16",
        [
            "probe", "corpus", "tokens", "same k", "|Δk|: median / 95 % / 99 % / max", "mean k",
            "median k", "largest k", f"sequences with k > {limit}", "massive activations",
        ],
        rows,
        data[["probe", *(c for c in data.columns if c != "probe")]] if len(data) else data,
        note="The first tokens of each corpus, with position 0 left out. The run’s own arithmetic "
             "is compared with the other one. For a run in float32, bfloat16 means float32 with "
             "the model’s weights and activations rounded to bfloat16. The SAE computes in "
             "float32 in both. Massive activations: tokens whose ‖h‖ exceeds ten medians.",
    )  # fmt: skip


def _both(row: dict[Hashable, Any], name: str, digits: int) -> str:
    return " / ".join(number(row[f"{name}_{dtype}"], digits) for dtype in DTYPES)


add_table(TableSpec(name="rounding", section="ood", position=47, make=rounding_table))
