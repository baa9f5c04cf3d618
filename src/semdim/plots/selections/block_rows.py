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


def block(probe: ProbeResults) -> int | None:
    """Blocks that have run where the SAE reads the residual stream; None where it is not known."""
    sae = _group(probe, "sae")
    found = _HOOK.match(str(sae.get("hook_point") or sae.get("hook_name") or ""))
    return int(found[1]) + (found[2] == "post") if found else None


def language_model(probe: ProbeResults) -> str:
    """The language model behind an entry of the run."""
    return str(_group(probe, "model").get("name", probe.name))


def layers(probes: list[ProbeResults]) -> dict[str, list[ProbeResults]]:
    """Entries with the same language model and three or more blocks, by ascending block."""
    groups: dict[str, dict[int, ProbeResults]] = {}
    for probe in probes:
        at = block(probe)
        if at is not None and published(probe) is not None:
            groups.setdefault(language_model(probe), {})[at] = probe
    return {
        name: [entries[at] for at in sorted(entries)]
        for name, entries in groups.items()
        if len(entries) >= 3
    }


def _group(probe: ProbeResults, name: str) -> Mapping[str, Any]:
    group = probe.setup.get(name)
    return group if isinstance(group, Mapping) else {}


def explained_variance(probe: ProbeResults) -> float:
    """Of the in-distribution corpus, norm outliers left out; NaN where it was not recorded."""
    corpora = probe.setup.get("corpora") or {}
    facts = corpora.get(probe.setup.get("sample"), {})
    return float(facts.get("explained_variance", np.nan))


def published_total(probe: ProbeResults) -> float:
    """The published bound at the largest N, bits."""
    curve = published(probe)
    return np.nan if curve is None else float(curve.last["total"])


def sae_gap(probe: ProbeResults) -> tuple[float, float]:
    """Mean |gap| of the SAE and its certified upper end, bits; NaN without faithfulness."""
    rows = faithfulness_rows(probe)
    rows = rows[rows["proxy"] == "sae"] if len(rows) else rows
    if not len(rows):
        return np.nan, np.nan
    return float(rows["gap"].iloc[0]), float(rows["total"].iloc[0])


def sparsity(probe: ProbeResults, column: str) -> float:
    """A column of Table 1 for the in-distribution corpus, position 0 left out."""
    rows = sparsity_rows(probe)
    return float(rows[column].iloc[0]) if len(rows) else np.nan
