"""The paper's Figure 1 and this run's published bound on one pair of axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semdim.paper import CROSSING_N, FIRST_N, GPT2_SMALL, LAST_N, PICTURE_BITS, PICTURE_N
from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import comparable, published
from semdim.plots.style import (
    INK,
    MUTED,
    count_axis,
    house_style,
    legend_below,
    model_colours,
    panels,
)
from semdim.results.read import ProbeResults

PAPER = "#444444"
DASHED = (0, (5, 2))
FINE = (0, (1, 1.5))
TOP = 36.0
"""Bits at which the axis ends: the steep left end of the curves says nothing."""
N_POINTS = 200


def _paper(axes: Axes) -> list[tuple[Line2D, str]]:
    """The paper's formula for GPT-2, its point and its baseline; handles with their words."""
    n_tokens = np.geomspace(FIRST_N, LAST_N, N_POINTS)
    total = np.array([GPT2_SMALL.bound(round(n)) for n in n_tokens], dtype=float)
    baseline = GPT2_SMALL.terms(LAST_N).baseline
    axes.plot(n_tokens, total, color=PAPER, linestyle=DASHED, linewidth=1.6, zorder=3)
    axes.axhline(baseline, color=PAPER, linestyle=FINE, linewidth=1.2)
    axes.plot(
        [PICTURE_N], [PICTURE_BITS], marker="s", ms=7, mfc="white", mec=PAPER, mew=1.6, zorder=6
    )
    axes.annotate(
        f"the paper: below log₂V\nfrom N ≈ {CROSSING_N:,} tokens",
        (PICTURE_N, PICTURE_BITS),
        xytext=(16, 44),
        textcoords="offset points",
        fontsize=8.5,
        color=PAPER,
        arrowprops={"arrowstyle": "-", "color": PAPER, "lw": 0.9},
        zorder=7,
    )
    end = GPT2_SMALL.bound(LAST_N)
    margin = "" if end is None else f"; margin at N = {LAST_N:,}: {baseline - end:.2f} bits"
    line = Line2D([], [], color=PAPER, linestyle=DASHED, linewidth=1.6)
    point = Line2D([], [], color=PAPER, marker="s", ms=7, mfc="white", mew=1.6, linestyle="none")
    return [
        (line, f"the paper’s formula, GPT-2 Small, R̂ + ε̂ = {GPT2_SMALL.risk_plus_gap:.2f}{margin}"),
        (point, f"read off the paper’s picture: {PICTURE_BITS} bits at N = {PICTURE_N:,}"),
    ]


@house_style
def paper_figure1(probes: list[ProbeResults]) -> Figure:
    """One panel: bits per token against N, the paper dashed, each probe solid in its colour, and
    log2 V of each dotted in the colour of its line."""
    drawable = comparable(probes)
    figure, [[axes]] = panels(1, height=3.4, legend_rows=3 + len(drawable))
    entries = _paper(axes)
    first, last = float(FIRST_N), float(LAST_N)
    for name, colour in model_colours([probe.name for probe in drawable]).items():
        probe = next(probe for probe in drawable if probe.name == name)
        curve = published(probe)
        assert curve is not None
        n_tokens = curve.points["n_tokens"].to_numpy(dtype=float)
        total = curve.points["total"].to_numpy(dtype=float)
        axes.plot(n_tokens, total, color=colour, marker="o", zorder=4)
        first, last = min(first, n_tokens[0]), max(last, n_tokens[-1])
        words = f"here, {name}, as published"
        baseline = curve.last["baseline"]
        axes.axhline(float(baseline), color=colour, linestyle=FINE, linewidth=1.2)
        words += f"; margin at N = {int(n_tokens[-1]):,}: {float(baseline) - total[-1]:.2f} bits"
        entries.append((Line2D([], [], color=colour, marker="o"), words))
    entries.append(
        (Line2D([], [], color=MUTED, linestyle=FINE, linewidth=1.2), "log₂V, in its line’s colour")
    )
    count_axis(axes, "N: tokens in the sample (BOS included, log scale)")
    axes.set_xlim(first, last * 1.04)
    axes.set_ylim(0.0, TOP)
    axes.set_ylabel("bits per token")
    axes.tick_params(colors=MUTED, labelcolor=INK)
    legend_below(
        figure, [handle for handle, _ in entries], [words for _, words in entries], columns=1
    )
    return figure


add_figure(
    FigureSpec(
        name="paper_figure1",
        title="The paper’s Figure 1 and ours",
        section="bound",
        position=30,
        caption=(
            "The bound as published, for GPT-2 Small from the paper’s formula (dashed) and as "
            "measured here (solid). The paper prints no values, so its R̂ + ε̂ is solved for from "
            "the marked point. A margin is log₂V − bound. No line is a certificate."
        ),
        draw=paper_figure1,
        has=lambda probe: published(probe) is not None,
        how="the stage assemble_bound, which writes bounds.csv",
    )
)
