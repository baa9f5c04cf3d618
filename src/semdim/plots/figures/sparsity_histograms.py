"""Figure 2: how many atoms are active per token."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.sparsity_rows import COVERED, POSITIONS
from semdim.plots.style import (
    INK,
    corpus_colours,
    count_axis,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults

FIRST = 1.0
"""Left end of a logarithmic axis of k."""
LABEL_CHARACTERS = 48
"""Characters of a line that fits under a panel."""


def histogram_positions(probe: ProbeResults) -> list[str]:
    """Which of POSITIONS the histogram has."""
    there = set(probe.table("sparsity_histogram")["positions"])
    return [positions for positions in POSITIONS if positions in there]


def _right_end(rows: pd.DataFrame) -> float:
    ends = []
    for _, group in rows.groupby("corpus"):
        group = group.sort_values("left")
        share = group["count"].cumsum() / max(group["count"].sum(), 1)
        ends.append(float(group.loc[share >= COVERED, "right"].min()))
    return max(ends)


def log_binned(part: pd.DataFrame, per_decade: int = 12) -> pd.DataFrame:
    """Bins of one corpus, put together until each is at least a twelfth of a decade wide: narrower
    ones hold a token or none, far out, and a logarithmic axis shows nothing but their noise.

    part: columns left, right, count, ascending. No count is lost.
    """
    ratio = 10.0 ** (1.0 / per_decade)
    group, start, groups = 0, float(part["left"].iloc[0]), []
    for left in part["left"].astype(float):
        if left >= max(start, FIRST) * ratio:
            group, start = group + 1, left
        groups.append(group)
    found = part.groupby(pd.Series(groups, index=part.index))
    return found.agg({"left": "min", "right": "max", "count": "sum"}).reset_index(drop=True)


def _histogram_panel(axes: Axes, probe: ProbeResults, positions: str, log_count: bool) -> None:
    histogram = probe.table("sparsity_histogram")
    rows = histogram[histogram["positions"] == positions]
    table = probe.table("sparsity")
    means = table[table["positions"] == positions].set_index("corpus")["mean"]
    filled = rows[rows["count"] > 0]
    end = float(filled["right"].max()) if log_count else _right_end(rows)
    beyond = []
    smallest = 1.0
    for corpus, colour in corpus_colours(probe.roles).items():
        part = rows[rows["corpus"] == corpus].sort_values("left")
        if part.empty:
            continue
        if log_count:
            part = log_binned(part)
        total = part["count"].sum()
        share = (part["count"] / total / (part["right"] - part["left"])).to_numpy(dtype=float)
        edges = np.append(part["left"].to_numpy(float), float(part["right"].iloc[-1]))
        if log_count:  # an empty bin falls below the axis, k = 0 at its left end
            edges = np.maximum(edges, FIRST)
            smallest = min(smallest, float(share[share > 0].min()))
            share = np.where(share > 0, share, 1e-12)
        axes.stairs(share, edges, color=colour, linewidth=1.5, baseline=None)
        if probe.role(corpus) == "id" and not log_count:
            axes.stairs(share, edges, color=colour, alpha=0.15, fill=True)
        if corpus in means.index:
            axes.axvline(float(means[corpus]), color=colour, linestyle=(0, (4, 2)), linewidth=1.2)
        outside = int(part.loc[part["left"] >= end, "count"].sum())
        if outside:
            beyond.append(f"{corpus} {outside:,}")
    axes.set_xlim(0, end)
    if log_count:
        count_axis(axes, "")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=20))
        axes.set_xlim(max(FIRST, float(filled["left"].min())), 1.1 * end)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.6 * smallest)
    else:
        axes.set_ylim(bottom=0)
    scale = " (log scale)" if log_count else ""
    label = f"k: active atoms at a token{scale}"
    if beyond:  # below the axis, since within it histograms may be anywhere
        label += "\n" + fill(f"beyond: {', '.join(beyond)} tokens", LABEL_CHARACTERS)
    axes.set_xlabel(label)
    axes.set_ylabel("share of tokens per unit of k")
    axes.set_title(f"{probe.name}\n{POSITIONS[positions]}")


@house_style
def sparsity_histograms(probes: list[ProbeResults], log_count: bool = False) -> Figure:
    """Figure 2: a row per probe, one panel without and one with position 0; dashes mark means.

    Position 0 is a small share of the tokens far to the right of the others, so the panel with it
    has logarithmic axes; `log_count` gives them to both.
    """
    drawable = [probe for probe in probes if histogram_positions(probe)]
    columns = max(len(histogram_positions(probe)) for probe in drawable)
    figure, axes = panels(len(drawable), columns, height=2.9)
    for row, probe in zip(axes, drawable, strict=True):
        positions = histogram_positions(probe)
        for panel, choice in zip(row, positions, strict=False):
            _histogram_panel(panel, probe, choice, log_count or choice == "all")
        for panel in row[len(positions) :]:
            panel.set_axis_off()
    colours: dict[str, str] = {}
    for probe in drawable:
        for corpus, colour in corpus_colours(probe.roles).items():
            colours.setdefault(f"{corpus} ({probe.role(corpus)})", colour)
    handles: list = [Patch(color=colour) for colour in colours.values()]
    handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.2))
    legend_below(figure, handles, [*colours, "mean"], columns=min(len(handles), 5))
    return figure


add_figure(
    FigureSpec(
        name="sparsity_histograms",
        title="How many atoms are active",
        section="sparsity",
        position=10,
        caption=(
            "Share of tokens by number of active atoms (n_active, the paper’s k), divided by the "
            "bin width; dashed lines are means. The panel with position 0 has logarithmic axes, "
            "because that position makes up a small share of the tokens, far from the others."
        ),
        draw=sparsity_histograms,
        has=lambda probe: bool(histogram_positions(probe)),
        how="the stage measure_uncertainty, which writes sparsity_histogram.csv",
    )
)
