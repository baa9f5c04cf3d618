"""Figure 2: how many atoms are active per token; and the risk, bin by bin of that number."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.families import main_rows
from semdim.plots.style import (
    BASELINE,
    INK,
    MUTED,
    TERM_COLOURS,
    corpus_colours,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults

POSITIONS = {"without_bos": "position 0 left out", "all": "position 0 included"}
COVERED = 0.995
"""Share of a panel's tokens inside its axis; what is beyond is counted in the corner."""


def histogram_positions(model: ProbeResults) -> list[str]:
    """Which of POSITIONS the histogram has."""
    there = set(model.table("sparsity_histogram")["positions"])
    return [positions for positions in POSITIONS if positions in there]


def _right_end(rows: pd.DataFrame) -> float:
    ends = []
    for _, group in rows.groupby("corpus"):
        group = group.sort_values("left")
        share = group["count"].cumsum() / max(group["count"].sum(), 1)
        ends.append(float(group.loc[share >= COVERED, "right"].min()))
    return max(ends)


def _histogram_panel(axes: Axes, model: ProbeResults, positions: str, log_count: bool) -> None:
    histogram = model.table("sparsity_histogram")
    rows = histogram[histogram["positions"] == positions]
    table = model.table("sparsity")
    means = table[table["positions"] == positions].set_index("corpus")["mean"]
    end = _right_end(rows)
    beyond = []
    smallest = 1.0
    for corpus, colour in corpus_colours(model.roles).items():
        part = rows[rows["corpus"] == corpus].sort_values("left")
        if part.empty:
            continue
        total = part["count"].sum()
        share = (part["count"] / total / (part["right"] - part["left"])).to_numpy(dtype=float)
        edges = np.append(part["left"].to_numpy(float), float(part["right"].iloc[-1]))
        if log_count:  # an empty bin falls below the axis
            smallest = min(smallest, float(share[share > 0].min()))
            share = np.where(share > 0, share, 1e-12)
        axes.stairs(share, edges, color=colour, linewidth=1.5, baseline=None)
        if model.role(corpus) == "id" and not log_count:
            axes.stairs(share, edges, color=colour, alpha=0.15, fill=True)
        if corpus in means.index:
            axes.axvline(float(means[corpus]), color=colour, linestyle=(0, (4, 2)), linewidth=1.2)
        outside = int(part.loc[part["left"] >= end, "count"].sum())
        if outside:
            beyond.append(f"{corpus} {outside:,}")
    axes.set_xlim(0, end)
    if log_count:
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.6 * smallest)
    else:
        axes.set_ylim(bottom=0)
    if beyond:
        axes.text(
            0.98,
            0.96,
            "tokens beyond the axis:\n" + "\n".join(beyond),
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=7.5,
            color=MUTED,
        )
    axes.set_xlabel("n_active: atoms active at a token")
    axes.set_ylabel("share of tokens per atom" + (" (log)" if log_count else ""))
    axes.set_title(f"{model.name}: {POSITIONS[positions]}")


@house_style
def sparsity_histograms(models: list[ProbeResults], log_count: bool = False) -> Figure:
    """Figure 2: a row per model, one panel without and one with position 0; dashes mark means.

    Position 0 is a small share of the tokens far to the right of the others, so the panel with it
    has a logarithmic axis; `log_count` gives both one.
    """
    drawable = [model for model in models if histogram_positions(model)]
    columns = max(len(histogram_positions(model)) for model in drawable)
    figure, axes = panels(len(drawable), columns, height=2.9)
    for row, model in zip(axes, drawable, strict=True):
        positions = histogram_positions(model)
        for panel, choice in zip(row, positions, strict=False):
            _histogram_panel(panel, model, choice, log_count or choice == "all")
        for panel in row[len(positions) :]:
            panel.set_axis_off()
    colours: dict[str, str] = {}
    for model in drawable:
        for corpus, colour in corpus_colours(model.roles).items():
            colours.setdefault(f"{corpus} ({model.role(corpus)})", colour)
    handles: list = [Patch(color=colour) for colour in colours.values()]
    handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.2))
    legend_below(figure, handles, [*colours, "mean"], columns=min(len(handles), 5))
    return figure


def sparsity_bins(model: ProbeResults) -> pd.DataFrame:
    """Rows of the family risk_by_sparsity at the largest N, with numeric columns left and right.

    An edge that is missing or infinite means that the bin has no end on that side.
    """
    rows = main_rows(model)
    rows = rows[rows["family"] == "risk_by_sparsity"]
    if rows.empty:
        return rows.assign(left=pd.Series(dtype=float), right=pd.Series(dtype=float))
    rows = rows[rows["n_tokens"] == rows["n_tokens"].max()].copy()
    rows["left"] = rows["bin_left"].astype(float)
    rows["right"] = rows["bin_right"].astype(float)
    return rows.sort_values(["left", "right"], na_position="first").reset_index(drop=True)


def bin_label(left: float, right: float) -> str:
    """A bin in words: `45–55`, `up to 45`, `above 70`."""
    left_open, right_open = not np.isfinite(left) or left <= 0, not np.isfinite(right)
    if left_open and right_open:
        return "all"
    if left_open:
        return f"up to {right:.4g}"
    return f"above {left:.4g}" if right_open else f"{left:.4g}–{right:.4g}"


@house_style
def risk_by_sparsity(models: list[ProbeResults]) -> Figure:
    """Bars of the mean risk per bin of sequence-level k, with the certified upper end of each."""
    drawable = [model for model in models if len(sparsity_bins(model))]
    figure, axes = panels(len(drawable), height=3.0)
    for row, model in zip(axes, drawable, strict=True):
        panel, bins = row[0], sparsity_bins(model)
        place = np.arange(len(bins))
        risk = bins["proxy_risk"].to_numpy(dtype=float)
        total = bins["total"].to_numpy(dtype=float)
        panel.bar(place, risk, width=0.62, color=TERM_COLOURS["proxy_risk"])
        panel.vlines(place, risk, total, color=INK, linewidth=1.4)
        panel.plot(place, total, linestyle="none", marker="_", markersize=16, color=INK, mew=2.0)
        for x, mean, upper in zip(place, risk, total, strict=True):
            panel.annotate(
                f"{upper:.2f}", (x, upper), xytext=(0, 4), textcoords="offset points", ha="center"
            )
            if not np.isfinite(mean):  # too few units: the bound is the loss ceiling
                continue
            panel.annotate(
                f"{mean:.2f}", (x, mean), xytext=(0, -12), textcoords="offset points", ha="center"
            )
        labels = [
            f"{bin_label(left, right)}\n{int(units)} {unit}s"
            for left, right, units, unit in zip(
                bins["left"], bins["right"], bins["n_units"].fillna(0), bins["unit"], strict=True
            )
        ]
        panel.set_xticks(place, labels)
        panel.set_xlabel("mean n_active of the sequence (bins fixed beforehand)")
        panel.set_ylabel("bits per token")
        panel.set_title(model.name)
        top = max(total.max(), 0.0)
        if model.baseline is not None:
            panel.axhline(model.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
            top = max(top, model.baseline)
        panel.set_ylim(0.0, 1.14 * top)
    handles: list = [
        Patch(color=TERM_COLOURS["proxy_risk"]),
        Line2D([], [], color=INK, marker="_", markersize=12, mew=2.0),
        Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4),
    ]
    legend_below(
        figure, handles, ["risk in the sample", "certified upper end", "log₂V: random guess"], 3
    )
    return figure
