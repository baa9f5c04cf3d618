"""One language model through SAEs at several of its blocks: is the middle layer special?"""

from collections.abc import Callable

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
        at = np.array([block(probe) for probe in entries], dtype=float)
        middle = np.array([value(probe) for probe in entries])
        axes.plot(at, middle, "o-", color=colour, ms=6)
        for y, x in zip(middle, at, strict=True):
            if not np.isnan(y):
                axes.annotate(
                    f"{y:.3g}", (x, y), xytext=(6, 5), textcoords="offset points", fontsize=8,
                    path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )  # fmt: skip
        if upper is not None:
            high = np.array([upper(probe) for probe in entries])
            low = middle if lower is None else np.array([lower(probe) for probe in entries])
            axes.vlines(at, low, high, color=colour, linewidth=1.6, alpha=0.6)
    axes.set_xlabel("blocks that have run")
    axes.margins(x=0.14, y=0.22)


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


add_figure(
    FigureSpec(
        name="layer_sweep",
        title="One model, an SAE at each of several blocks",
        section="models",
        position=20,
        caption=(
            "The same language model at every point; what differs is where its residual stream is"
            " read, and the autoencoder that was trained there."
        ),
        draw=layer_sweep,
        has=lambda probe: block(probe) is not None and bool(comparable([probe])),
        how="one language model with SAEs at three or more blocks in one run: experiment=layers",
        together=lambda probes: bool(layers(probes)),
        is_extra=True,
    )
)
