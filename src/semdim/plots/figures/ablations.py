"""What replaces the activation, and what that costs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.proxy_rows import ablation_rows
from semdim.plots.style import (
    BASELINE,
    TERM_COLOURS,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults


def _end(probe: ProbeResults, rows: pd.DataFrame) -> float:
    """The longest bar of a panel, or log2 V where that is further."""
    longest = float((rows["risk"] + rows["abs_gap"].fillna(0.0)).max())
    return max(longest, probe.baseline or 0.0)


def _ablation_panel(axes: Axes, probe: ProbeResults, rows: pd.DataFrame, end: float) -> None:
    place = np.arange(len(rows))[::-1]
    risk = rows["risk"].to_numpy(dtype=float)
    gap = rows["abs_gap"].fillna(0.0).to_numpy(dtype=float)
    axes.barh(place, risk, height=0.66, color=TERM_COLOURS["proxy_risk"])
    axes.barh(place, gap, left=risk, height=0.66, color=TERM_COLOURS["gap"])
    for y, one, other in zip(place, risk, gap, strict=True):
        text = f"{one:.2f}" + (f" + {other:.2f}" if other else "")
        axes.annotate(
            text,
            (one + other, y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"},
        )
    axes.set_yticks(place, rows["words"])
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("bits per token (smoothed)")
    axes.set_title(probe.name)
    if probe.baseline is not None:
        axes.axvline(probe.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
    axes.set_xlim(0.0, 1.25 * end)


@house_style
def ablations(probes: list[ProbeResults]) -> Figure:
    """Proxy risk and |gap| of every proxy as stacked bars with their numbers, log2 V dashed."""
    drawable = [(probe, ablation_rows(probe)) for probe in probes]
    drawable = [(probe, rows) for probe, rows in drawable if len(rows)]
    longest = max(len(rows) for _, rows in drawable)
    end = max(_end(probe, rows) for probe, rows in drawable)  # one scale, so that bars compare
    figure, axes = panels(len(drawable), height=0.9 + 0.27 * longest, legend_rows=1)
    for row, (probe, rows) in zip(axes, drawable, strict=True):
        _ablation_panel(row[0], probe, rows, end)
    handles: list = [
        Patch(color=TERM_COLOURS["proxy_risk"]),
        Patch(color=TERM_COLOURS["gap"]),
        Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4),
    ]
    legend_below(
        figure,
        handles,
        [
            "risk of the proxy, mean over sequences",
            "mean |gap|, over sequences",
            "log₂V: random guess",
        ],
        2,
    )
    return figure


add_figure(
    FigureSpec(
        name="ablations",
        title="What replaces the activation, and what that costs",
        section="ablations",
        position=10,
        caption=(
            "Each bar is the proxy’s risk plus its mean |gap|, the sum of the first two terms of "
            "the bound as published when that proxy replaces the activation. Both are means over "
            "the sequences of the sample; certificates are about means over documents."
        ),
        draw=ablations,
        has=lambda probe: len(ablation_rows(probe)) > 1,
        how="proxies in the settings grid.sweep (topk_<k>) and grid.ablation (random_decoder, "
        "shuffled_features, sae_all)",
    )
)
