"""What sparsity costs and buys: the certificate against k."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.topk_rows import has_frontier, topk_rows
from semdim.plots.style import (
    BASELINE,
    INK,
    TERM_COLOURS,
    atoms_axis,
    count_label,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults

N_SHADES = ("#E3B8D0", "#CC88B0", "#AA3377", "#661144")
"""Totals for growing N, light to dark."""


def shown_sizes(sizes: list[int]) -> list[int]:
    """At most four of the N, the largest among them, evenly spaced in rank."""
    chosen = np.unique(np.linspace(0, len(sizes) - 1, min(4, len(sizes))).round().astype(int))
    return [sizes[i] for i in chosen]


@house_style
def topk_frontier(probes: list[ProbeResults]) -> Figure:
    """Proxy risk and |gap| as areas, the certificate's total against k for several N, k* marked."""
    drawable = [probe for probe in probes if has_frontier(probe)]
    figure, axes = panels(len(drawable), height=3.5)
    labels: dict[int, Line2D] = {}
    for row, probe in zip(axes, drawable, strict=True):
        panel, rows = row[0], topk_rows(probe)
        largest = rows[rows["n_tokens_asked"] == rows["n_tokens_asked"].max()]
        k = largest["k"].to_numpy(dtype=float)
        risk = largest["proxy_risk"].to_numpy(dtype=float)
        gap = largest["gap"].fillna(0.0).to_numpy(dtype=float)
        panel.fill_between(k, 0.0, risk, color=TERM_COLOURS["proxy_risk"], linewidth=0)
        panel.fill_between(k, risk, risk + gap, color=TERM_COLOURS["gap"], linewidth=0)
        ceiling = 2.0 * (probe.baseline or np.inf)  # what is above is vacuous twice over
        lowest = rows.groupby("n_tokens_asked")["total"].min()
        inside = [int(n) for n in lowest.index[lowest < ceiling]] or [int(lowest.index.max())]
        sizes = shown_sizes(sorted(inside))
        for size, colour in zip(sizes, N_SHADES[-len(sizes) :], strict=True):
            part = rows[rows["n_tokens_asked"] == size]
            line = panel.plot(part["k"], part["total"], "-o", color=colour)[0]
            labels.setdefault(size, line)
            best = part.sort_values("total").iloc[0]
            if best["total"] < (probe.baseline or np.inf):  # else none says anything
                panel.plot(
                    [best["k"]], [best["total"]], marker="*", ms=14, color=colour, mec=INK, mew=0.8
                )
        top = float(rows.loc[rows["n_tokens_asked"].isin(sizes), "total"].max())
        if probe.baseline is not None:
            panel.axhline(probe.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
            top = min(max(top, probe.baseline), ceiling)
        panel.set_ylim(0.0, 1.1 * top)
        atoms_axis(
            panel, rows["k"], "k: maximum atoms kept per token, largest contributions (log scale)"
        )
        panel.set_ylabel("bits per token")
        panel.set_title(probe.name)
    handles: list = [Patch(color=TERM_COLOURS["proxy_risk"]), Patch(color=TERM_COLOURS["gap"])]
    handles += [Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)]
    handles += [Line2D([], [], linestyle="none", marker="*", ms=13, color="#AA3377", mec=INK)]
    words = ["risk of the proxy (largest N)", "mean |gap| (largest N)", "log₂V: random guess"]
    words += ["k*(N): the smallest certificate"]
    for size in sorted(labels):
        handles.append(labels[size])
        words.append(f"certificate at N = {count_label(float(f'{size:.3g}'))}")
    legend_below(figure, handles, words, 3)
    return figure


add_figure(
    FigureSpec(
        name="topk_frontier",
        title="The certificate by number of atoms kept",
        section="selection",
        position=10,
        caption=(
            "Areas are measured at the largest N. Each line is the certificate at one N, and the "
            "star marks the k that minimises it, where it says something."
        ),
        draw=topk_frontier,
        has=has_frontier,
        how="two or more k in the setting bound.topk_grid, with the same topk_<k> in grid.sweep",
    )
)
