"""The figures of a ranking: faithfulness against L0, and the certified order as a matrix."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from semdim.artifacts.temporary import temporary_of
from semdim.plots.style import INK, MODEL_COLOURS, MUTED, RC, house_style, legend_below
from semdim.rank.table import Entry, RankTable

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
CERTIFIED, DISCOVERY, NEITHER = "#004488", "#A9C9EC", "#F2F2F2"
SPREAD = 0.012
"""How far apart points of one L0 are drawn, as a share of the axis' logarithm."""


def draw(table: RankTable, folder: Path) -> None:
    """Write faithfulness.png and order.png."""
    for name, figure in (("faithfulness", faithfulness(table)), ("order", order(table))):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
            with temporary_of(folder / f"{name}.png") as stream:
                figure.savefig(stream, format="png", metadata={"Software": None})


@house_style
def faithfulness(table: RankTable) -> Figure:
    """Change of the loss against L0: a point for each autoencoder, with its certified interval."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    colours = _kinds([entry.architecture for entry in table.entries], MODEL_COLOURS)
    markers = _kinds([entry.dict_size for entry in table.entries], MARKERS)
    for entry, x in zip(table.entries, _spread(table.entries), strict=True):
        low, high = entry.faithfulness_lower, entry.faithfulness_upper
        colour = colours[entry.architecture]
        axes.vlines(x, low, high, color=colour, linewidth=1.4)
        axes.plot(x, entry.faithfulness, markers[entry.dict_size], color=colour, markersize=6)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("L0: mean active atoms at a token (side by side where they are alike)")
    axes.set_ylabel("|change of the loss|, bits per token")
    axes.set_ylim(bottom=0.0)
    axes.set_title("What each autoencoder changes, with intervals that hold simultaneously")
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=colour) for colour in colours.values()
    ] + [
        Line2D([], [], linestyle="none", marker=marker, color=MUTED) for marker in markers.values()
    ]
    labels = [*map(str, colours), *(f"{size:,} atoms" for size in markers)]
    legend_below(figure, handles, labels, columns=4)
    return figure


@house_style
def order(table: RankTable) -> Figure:
    """Rank intervals, and for each pair whether the row is certified to be more faithful."""
    n = len(table.entries)
    side = max(0.24 * n, 2.0)
    figure = Figure(figsize=(4.4 + side, 1.6 + side), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, side))
    _ranks(left, table.entries)
    cells = np.zeros((n, n, 3))
    index = {entry.name: place for place, entry in enumerate(table.entries)}
    cells[:] = matplotlib.colors.to_rgb(NEITHER)
    for pair in table.pairs:
        at = index[pair.better], index[pair.worse]
        if pair.is_certified or pair.is_discovery:
            cells[at] = matplotlib.colors.to_rgb(CERTIFIED if pair.is_certified else DISCOVERY)
    right.imshow(cells, interpolation="none", aspect="auto")
    right.set_xticks(range(n), [str(entry.rank) for entry in table.entries])
    right.set_yticks(range(n), [""] * n)
    right.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    right.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    right.grid(visible=False)
    right.grid(which="minor", axis="both", color="white", linewidth=1.0)
    right.tick_params(which="both", length=0)
    right.set_title("row more faithful than column")
    handles = [Patch(color=colour) for colour in (CERTIFIED, DISCOVERY, NEITHER)]
    level = table.settings.failure_prob
    labels = [
        f"certified (family-wise, δ = {level:g})",
        f"discovery (false rate {level:g})",
        "neither",
    ]
    legend_below(figure, handles, labels, columns=3)
    return figure


def _ranks(axes: Axes, entries: Sequence[Entry]) -> None:
    place = np.arange(len(entries))
    first = [entry.rank_first for entry in entries]
    last = [entry.rank_last for entry in entries]
    axes.hlines(place, first, last, color=INK, linewidth=3.0)
    axes.plot(
        [entry.rank for entry in entries], place, "o", color="white", markeredgecolor=INK,
        markersize=5,
    )  # fmt: skip
    axes.set_yticks(place, [entry.name for entry in entries])
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.set_xlim(0.3, len(entries) + 0.7)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_title("rank")


def _kinds(values: Sequence[object], looks: Sequence[str]) -> dict[object, str]:
    """A look for each distinct value, in a stable order."""
    distinct = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    return {value: looks[place % len(looks)] for place, value in enumerate(distinct)}


def _spread(entries: Sequence[Entry]) -> list[float]:
    """Where each is drawn on the axis of L0: side by side around their mean where they overlap."""
    logs = np.log([max(entry.l0, 1e-3) for entry in entries])
    width = max(float(np.ptp(logs)), 0.5) * SPREAD
    groups: list[list[int]] = []
    for place in np.argsort(logs, kind="stable").tolist():
        if groups and logs[place] - logs[groups[-1][-1]] < width:
            groups[-1].append(place)
        else:
            groups.append([place])
    drawn = np.empty(len(logs))
    for group in groups:
        beside = np.arange(len(group)) - (len(group) - 1) / 2
        drawn[group] = logs[group].mean() + width * beside
    return [float(x) for x in np.exp(drawn)]
