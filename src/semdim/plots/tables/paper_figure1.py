"""Figure 1 of the paper in numbers, with this run's below: what its bound is made of, per model."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from semdim.bounds.quantities import sparse_semantic_dimension
from semdim.paper import LAST_N, MODELS, PICTURE_N
from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.families import published
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

COLUMNS = (
    "model", "source", "n_tokens", "d_model", "dict_size", "k", "relative_k", "ssd_nats",
    "ssd_root", "risk_plus_gap", "complexity", "tail", "total", "baseline", "margin",
)  # fmt: skip
HEADER = (
    "model", "source", "N", "d_model", "m", "k", "k / d_model", "SSD (nats)", "√(SSD/N)", "R̂ + ε̂",
    "4B√(SSD/N)", "tail", "bound", "log₂V", "margin",
)  # fmt: skip
DIGITS = (0, 0, 0, 2, 4, 1, 3, 2, 2, 3, 2, 2, 2)
NOTE = (
    "Margin: log₂V − bound, in bits. The paper prints no values of its curves. GPT-2’s R̂ + ε̂ is "
    "solved for from one point of the picture (15.57 bits at N = 25,088). For Gemma, neither the "
    "text nor the picture allows that, so its bound is empty. d_model, m and Gemma’s V are those "
    "of the public checkpoints. √(SSD/N) is what section 3 calls ≪ 1; the bound uses 4B times "
    "this value. With the paper’s own example (k = 100, m = 10⁵) it is {example} at N = 10⁵. None "
    "of these bounds is a certificate."
)
EXAMPLE_K, EXAMPLE_M = 100, 100_000
"""k and m of the paper's Numerical check (section 3)."""


def paper_entries() -> Iterator[dict[str, Any]]:
    """The paper's models at the N of its picture and at its largest N."""
    for model in MODELS:
        for n_tokens in (PICTURE_N, LAST_N):
            terms, total = model.terms(n_tokens), model.bound(n_tokens)
            yield {
                "model": model.name,
                "source": "the paper’s formula",
                "n_tokens": n_tokens,
                "d_model": model.d_model,
                "dict_size": model.dict_size,
                "k": model.mean_n_active,
                "ssd_nats": terms.ssd,
                "risk_plus_gap": model.risk_plus_gap,
                "complexity": terms.complexity,
                "tail": terms.tail,
                "total": total,
                "baseline": terms.baseline,
            }


def measured_entries(probes: list[ProbeResults]) -> Iterator[dict[str, Any]]:
    """Each probe's published bound at its largest N."""
    for probe in probes:
        curve = published(probe)
        if curve is None:
            continue
        last = curve.last
        yield {
            "model": probe.name,
            "source": "here, as published",
            "n_tokens": int(last["n_tokens"]),
            "d_model": (probe.setup.get("model") or {}).get("d_model"),
            "dict_size": (probe.setup.get("sae") or {}).get("dict_size"),
            "k": float(last["k"]),
            "ssd_nats": last["ssd_nats"],
            "risk_plus_gap": float(last["proxy_risk"]) + float(last["gap"]),
            **{name: float(last[name]) for name in ("complexity", "tail", "total", "baseline")},
        }


def paper_figure1_table(probes: list[ProbeResults]) -> Table:
    """A row per model and N. Empty without a measured published bound."""
    measured = list(measured_entries(probes))
    entries = [*paper_entries(), *measured] if measured else []
    data = pd.DataFrame(entries, columns=pd.Index(COLUMNS))
    for name in COLUMNS[2:]:
        data[name] = data[name].astype(float)
    data["relative_k"] = data["k"] / data["d_model"]
    data["ssd_root"] = (data["ssd_nats"] / data["n_tokens"]) ** 0.5
    data["margin"] = data["baseline"] - data["total"]
    rows = [
        [
            str(row["model"]),
            str(row["source"]),
            *(number(row[c], digits) for c, digits in zip(COLUMNS[2:], DIGITS, strict=True)),
        ]
        for _, row in data.iterrows()
    ]
    example = math.sqrt(sparse_semantic_dimension(EXAMPLE_K, EXAMPLE_M) / LAST_N)
    note = NOTE.format(example=number(example, 3))
    title = "The paper’s Figure 1 in numbers, compared with ours"
    return Table("paper_figure1", title, list(HEADER), rows, data, note=note)


add_table(TableSpec(name="paper_figure1", section="bound", position=40, make=paper_figure1_table))
