"""What sparsity costs and buys: the certificate against k, and against the size of a pool."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from semdim.plots.families import family_style, main_rows
from semdim.plots.style import (
    BASELINE,
    INK,
    TERM_COLOURS,
    count_label,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults

N_SHADES = ("#E3B8D0", "#CC88B0", "#AA3377", "#661144")
"""Totals for growing N, light to dark."""
POOL_FAMILIES = ("pool_split", "pool_occam", "occam_pool")
PENALTIES = ("outside", "complexity", "tail", "gap_tail")


def topk_rows(model: ProbeResults) -> pd.DataFrame:
    """Rows of srm_topk_frontier, ordered by N and k."""
    rows = main_rows(model)
    rows = rows[(rows["family"] == "srm_topk_frontier") & rows["k"].notna()]
    return rows.sort_values(["n_tokens", "k"]).reset_index(drop=True)


def has_frontier(model: ProbeResults) -> bool:
    """Whether some N has the certificate at two k or more."""
    rows = topk_rows(model)
    return bool(len(rows)) and int(rows.groupby("n_tokens")["k"].nunique().max()) > 1


def best_k(model: ProbeResults) -> pd.DataFrame:
    """k*(N): the row of the smallest certificate at each N, ascending."""
    rows = topk_rows(model)
    best = rows.loc[rows.groupby("n_tokens")["total"].idxmin()]
    return best.sort_values("n_tokens").reset_index(drop=True)


def shown_sizes(sizes: list[int]) -> list[int]:
    """At most four of the N, the largest among them, evenly spaced in rank."""
    chosen = np.unique(np.linspace(0, len(sizes) - 1, min(4, len(sizes))).round().astype(int))
    return [sizes[i] for i in chosen]


def _k_axis(axes: Axes, values: "pd.Series[float]", label: str) -> None:
    ticks = sorted({float(value) for value in values})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


@house_style
def topk_frontier(models: list[ProbeResults]) -> Figure:
    """Proxy risk and |gap| as areas, the certificate's total against k for several N, k* marked."""
    drawable = [model for model in models if has_frontier(model)]
    figure, axes = panels(len(drawable), height=3.5)
    labels: dict[str, Line2D] = {}
    for row, model in zip(axes, drawable, strict=True):
        panel, rows = row[0], topk_rows(model)
        largest = rows[rows["n_tokens"] == rows["n_tokens"].max()]
        k = largest["k"].to_numpy(dtype=float)
        risk = largest["proxy_risk"].to_numpy(dtype=float)
        gap = largest["gap"].fillna(0.0).to_numpy(dtype=float)
        panel.fill_between(k, 0.0, risk, color=TERM_COLOURS["proxy_risk"], linewidth=0)
        panel.fill_between(k, risk, risk + gap, color=TERM_COLOURS["gap"], linewidth=0)
        ceiling = 2.0 * (model.baseline or np.inf)  # what is above is vacuous twice over
        lowest = rows.groupby("n_tokens")["total"].min()
        inside = [int(n) for n in lowest.index[lowest < ceiling]] or [int(lowest.index.max())]
        sizes = shown_sizes(sorted(inside))
        for size, colour in zip(sizes, N_SHADES[-len(sizes) :], strict=True):
            part = rows[rows["n_tokens"] == size]
            line = panel.plot(part["k"], part["total"], "-o", color=colour)[0]
            labels.setdefault(f"certificate at N = {count_label(size)}", line)
            best = part.sort_values("total").iloc[0]
            panel.plot(
                [best["k"]], [best["total"]], marker="*", ms=14, color=colour, mec=INK, mew=0.8
            )
        top = float(rows.loc[rows["n_tokens"].isin(sizes), "total"].max())
        if model.baseline is not None:
            panel.axhline(model.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
            top = min(max(top, model.baseline), ceiling)
        panel.set_ylim(0.0, 1.1 * top)
        _k_axis(panel, rows["k"], "k: atoms kept per token, the largest contributions (log scale)")
        panel.set_ylabel("bits per token")
        panel.set_title(model.name)
    handles: list = [Patch(color=TERM_COLOURS["proxy_risk"]), Patch(color=TERM_COLOURS["gap"])]
    handles += [Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)]
    handles += [Line2D([], [], linestyle="none", marker="*", ms=13, color="#AA3377", mec=INK)]
    words = ["risk of the proxy (largest N)", "mean |gap| (largest N)", "log₂V: random guess"]
    words += ["k*(N): the smallest certificate"]
    legend_below(figure, [*handles, *labels.values()], [*words, *labels], 3)
    return figure


def pool_rows(model: ProbeResults) -> pd.DataFrame:
    """Rows of the pool families at the largest N of each, the family's name also in `pool`."""
    rows = main_rows(model)
    rows = rows[rows["pool_size"].notna()].copy()
    rows["pool"] = rows["family"]
    rows = rows[rows["pool"].isin(POOL_FAMILIES)]
    if rows.empty:
        return rows
    # Each family's own largest N: the split pool leaves its calibration documents out.
    rows = rows[rows["n_tokens"] == rows.groupby("pool")["n_tokens"].transform("max")].copy()
    rows["measured"] = rows["proxy_risk"].fillna(0.0) + rows["gap"].fillna(0.0)
    rows["penalty"] = rows[list(PENALTIES)].fillna(0.0).sum(axis=1)
    return rows.sort_values(["pool", "pool_size"]).reset_index(drop=True)


@house_style
def pool_curve(models: list[ProbeResults]) -> Figure:
    """Risk (dashed) and penalty (dotted) against the pool's size P, and their sum, per family."""
    drawable = [(model, pool_rows(model)) for model in models]
    drawable = [(model, rows) for model, rows in drawable if len(rows)]
    figure, axes = panels(len(drawable), height=3.3)
    seen: list[str] = []
    for row, (model, rows) in zip(axes, drawable, strict=True):
        panel = row[0]
        for pool, part in rows.groupby("pool", sort=False):
            colour = family_style(str(pool)).colour
            seen += [str(pool)] if pool not in seen else []
            panel.plot(part["pool_size"], part["total"], "-o", color=colour)
            panel.plot(part["pool_size"], part["measured"], "--", color=colour, linewidth=1.3)
            panel.plot(part["pool_size"], part["penalty"], ":", color=colour, linewidth=1.6)
        if model.baseline is not None:
            panel.axhline(model.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
        top = max(float(rows["total"].max()), model.baseline or 0.0)
        panel.set_ylim(0.0, 1.08 * min(top, 2.0 * (model.baseline or top)))
        _k_axis(panel, rows["pool_size"], "P: atoms in the pool (log scale)")
        panel.set_ylabel("bits per token")
        panel.set_title(model.name)
    handles: list = [Line2D([], [], color=family_style(name).colour, marker="o") for name in seen]
    handles += [Line2D([], [], color=INK, linestyle=style) for style in ("--", ":")]
    handles += [Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)]
    words = [family_style(name).label for name in seen]
    words += ["of it measured: risk and |gap|", "of it penalty", "log₂V: random guess"]
    legend_below(figure, handles, words, 2)
    return figure
