"""One language model through SAEs at several of its blocks: is the middle layer special?"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from semdim.plots.compare import sparsity_rows
from semdim.plots.families import published
from semdim.plots.proxies import faithfulness_rows
from semdim.plots.style import BASELINE, house_style, legend_below, model_colours, panels
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


def _line(
    axes: Axes,
    groups: dict[str, list[ProbeResults]],
    value: Callable[[ProbeResults], float],
    upper: Callable[[ProbeResults], float] | None = None,
    lower: Callable[[ProbeResults], float] | None = None,
) -> None:
    colours = model_colours(list(groups))
    for name, entries in groups.items():
        colour = colours[name]
        at = np.array([block(model) for model in entries], dtype=float)
        middle = np.array([value(model) for model in entries])
        axes.plot(at, middle, "o-", color=colour, ms=6)
        for y, x in zip(middle, at, strict=True):
            if not np.isnan(y):
                axes.annotate(
                    f"{y:.3g}", (x, y), xytext=(6, 5), textcoords="offset points", fontsize=8,
                    path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )  # fmt: skip
        if upper is not None:
            high = np.array([upper(model) for model in entries])
            low = middle if lower is None else np.array([lower(model) for model in entries])
            axes.vlines(at, low, high, color=colour, linewidth=1.6, alpha=0.6)
    axes.set_xlabel("blocks that have run")
    axes.margins(x=0.14, y=0.22)


@house_style
def layer_sweep(models: list[ProbeResults]) -> Figure:
    """Published bound, gap, active atoms and explained variance against the block of the SAE."""
    groups = layers(models)
    figure, axes = panels(2, 2, height=2.7)
    (bound, gap), (atoms, variance) = axes
    _line(bound, groups, published_total)
    for entries in groups.values():
        bound.axhline(
            float(entries[0].baseline or np.nan), color=BASELINE, linestyle=(0, (6, 3)),
            linewidth=1.2,
        )  # fmt: skip
    bound.set_ylabel("bits per token")
    bound.set_title("published bound, largest N", fontsize=9)
    _line(gap, groups, lambda m: sae_gap(m)[0], upper=lambda m: sae_gap(m)[1])
    gap.set_ylabel("bits per token")
    gap.set_title("mean |gap|; bar: up to its certificate", fontsize=9)
    _line(
        atoms, groups, lambda m: sparsity(m, "mean"), upper=lambda m: sparsity(m, "q75"),
        lower=lambda m: sparsity(m, "q25"),
    )  # fmt: skip
    atoms.set_ylabel("n_active per token")
    atoms.set_title("mean atoms; bar: middle half of the tokens", fontsize=9)
    _line(variance, groups, explained_variance)
    variance.set_ylabel("share")
    variance.set_title("explained variance, outliers apart", fontsize=9)
    for panel in (gap, atoms):
        panel.set_ylim(bottom=0.0)
    colours = model_colours(list(groups))
    handles = [Line2D([], [], color=colour, marker="o") for colour in colours.values()]
    handles.append(Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2))
    legend_below(figure, handles, [*colours, "log₂V: random guess"], 2)
    return figure
