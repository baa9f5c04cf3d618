"""One language model through SAEs at several of its blocks: is the middle layer special?"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import comparable
from semdim.plots.selections.block_rows import (
    block,
    explained_variance,
    layers,
    published_total,
    sae_gap,
    sparsity,
)
from semdim.plots.style import BASELINE, house_style, legend_below, model_colours, panels
from semdim.results.read import ProbeResults

STEEP = 0.04
"""Share of the values' range by which a line must rise to be in the way of a label beside it."""


def label_place(from_left: float, to_right: float) -> dict[str, Any]:
    """Where the label of a point stands clear of its line, as keywords of `annotate`.

    Args:
        from_left: how far the line has risen from the point before, as a share of the range; NaN
            at the first point.
        to_right: how far it rises to the next one; NaN at the last.
    """
    if not to_right > STEEP:
        return {"xytext": (6, 5), "ha": "left", "va": "bottom"}
    if from_left < -STEEP:  # a valley: both sides are taken
        return {"xytext": (0, -7), "ha": "center", "va": "top"}
    return {"xytext": (6, -5), "ha": "left", "va": "top"}


def _span(groups: dict[str, list[ProbeResults]], value: Callable[[ProbeResults], float]) -> float:
    """How far the values of a panel reach; 1 where they are all alike."""
    every = np.array([value(probe) for entries in groups.values() for probe in entries])
    known = every[np.isfinite(every)]
    return float(np.ptp(known)) or 1.0 if len(known) else 1.0


def _line(
    axes: Axes,
    groups: dict[str, list[ProbeResults]],
    value: Callable[[ProbeResults], float],
    upper: Callable[[ProbeResults], float] | None = None,
    lower: Callable[[ProbeResults], float] | None = None,
    digits: int = 2,
) -> None:
    span = _span(groups, value)
    colours = model_colours(list(groups))
    for name, entries in groups.items():
        colour = colours[name]
        at = np.array([block(probe) for probe in entries], dtype=float)
        middle = np.array([value(probe) for probe in entries])
        axes.plot(at, middle, "o-", color=colour, ms=6)
        before, after = np.append(np.nan, np.diff(middle)), np.append(np.diff(middle), np.nan)
        for x, y, from_left, to_right in zip(at, middle, before, after, strict=True):
            if not np.isnan(y):
                axes.annotate(
                    f"{y:.{digits}f}", (x, y), textcoords="offset points", fontsize=8,
                    **label_place(from_left / span, to_right / span),
                    path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )  # fmt: skip
        if upper is not None:
            high = np.array([upper(probe) for probe in entries])
            low = middle if lower is None else np.array([lower(probe) for probe in entries])
            axes.vlines(at, low, high, color=colour, linewidth=1.6, alpha=0.6)
    axes.set_xlabel("blocks that have run before the SAE")
    axes.margins(x=0.16, y=0.22)


@house_style
def layer_sweep(probes: list[ProbeResults]) -> Figure:
    """Published bound, gap, active atoms and explained variance against the block of the SAE."""
    groups = layers(probes)
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
        lower=lambda m: sparsity(m, "q25"), digits=1,
    )  # fmt: skip
    atoms.set_ylabel("k: active atoms at a token")
    atoms.set_title("mean k; bar: middle half of tokens", fontsize=9)
    _line(variance, groups, explained_variance)
    variance.set_ylabel("share of the variance")
    variance.set_title("explained variance, outliers apart", fontsize=9)
    for panel in (gap, atoms):
        panel.set_ylim(bottom=0.0)
    colours = model_colours(list(groups))
    handles = [Line2D([], [], color=colour, marker="o") for colour in colours.values()]
    handles.append(Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2))
    legend_below(figure, handles, [*colours, "log₂V: random guess"], 2)
    return figure


add_figure(
    FigureSpec(
        name="layer_sweep",
        title="One model, an SAE at each of several blocks",
        section="models",
        position=20,
        caption=(
            "Every point is the same language model. What differs is where its residual stream is "
            "read, and the autoencoder that was trained there."
        ),
        draw=layer_sweep,
        has=lambda probe: block(probe) is not None and bool(comparable([probe])),
        how="one language model with SAEs at three or more blocks in one run: experiment=layers",
        together=lambda probes: bool(layers(probes)),
        is_extra=True,
    )
)
