"""One language model through SAEs at several of its blocks."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from semdim.plots.families import (
    published,
)
from semdim.plots.selections.proxy_rows import (
    faithfulness_rows,
)
from semdim.plots.selections.sparsity_rows import sparsity_rows
from semdim.results.read import ProbeResults

_HOOK = re.compile(r"^blocks\.(\d+)\.hook_resid_(pre|post)$")


def block(model: ProbeResults) -> int | None:
    """Blocks that have run where the SAE reads the residual stream; None where it is not known."""
    sae = _group(model, "sae")
    found = _HOOK.match(str(sae.get("hook_point") or sae.get("hook_name") or ""))
    return int(found[1]) + (found[2] == "post") if found else None


def language_model(model: ProbeResults) -> str:
    """The language model behind an entry of the run."""
    return str(_group(model, "model").get("name", model.name))


def layers(models: list[ProbeResults]) -> dict[str, list[ProbeResults]]:
    """Entries with the same language model and three or more blocks, by ascending block."""
    groups: dict[str, dict[int, ProbeResults]] = {}
    for model in models:
        at = block(model)
        if at is not None and published(model) is not None:
            groups.setdefault(language_model(model), {})[at] = model
    return {
        name: [entries[at] for at in sorted(entries)]
        for name, entries in groups.items()
        if len(entries) >= 3
    }


def _group(model: ProbeResults, name: str) -> Mapping[str, Any]:
    group = model.setup.get(name)
    return group if isinstance(group, Mapping) else {}


def explained_variance(model: ProbeResults) -> float:
    """Of the in-distribution corpus, norm outliers left out; NaN where it was not recorded."""
    corpora = model.setup.get("corpora") or {}
    facts = corpora.get(model.setup.get("sample"), {})
    return float(facts.get("explained_variance", np.nan))


def published_total(model: ProbeResults) -> float:
    """The published bound at the largest N, bits."""
    curve = published(model)
    return np.nan if curve is None else float(curve.last["total"])


def sae_gap(model: ProbeResults) -> tuple[float, float]:
    """Mean |gap| of the SAE and its certified upper end, bits; NaN without faithfulness."""
    rows = faithfulness_rows(model)
    rows = rows[rows["proxy"] == "sae"] if len(rows) else rows
    if not len(rows):
        return np.nan, np.nan
    return float(rows["gap"].iloc[0]), float(rows["total"].iloc[0])


def sparsity(model: ProbeResults, column: str) -> float:
    """A column of Table 1 for the in-distribution corpus, position 0 left out."""
    rows = sparsity_rows(model)
    return float(rows[column].iloc[0]) if len(rows) else np.nan
