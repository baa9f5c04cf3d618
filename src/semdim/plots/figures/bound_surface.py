"""The certificate over N and k as a map: where it says something, and which k is best at each N."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import on_the_grid
from semdim.plots.style import INK, count_label, house_style, legend_below, panels
from semdim.results.read import ProbeResults

SAYS_SOMETHING = ("#F7F7F7", "#D1E5F0", "#92C5DE", "#4393C3", "#2166AC")
VACUOUS = ("#B2182B", "#D6604D", "#F4A582", "#FDDBC7", "#F7F7F7")
"""Tol's scheme BuRd: white is log2 V, blue is below it, red above."""
MOST_COLUMNS_WITH_NUMBERS = 14
MOST_ROWS_WITH_NUMBERS = 14


def surface_rows(probe: ProbeResults) -> pd.DataFrame:
    """Rows of surface.csv, ordered by N of the grid and k."""
    rows = on_the_grid(probe.table("surface"))
    return rows.sort_values(["n_tokens_asked", "k"]).reset_index(drop=True)


def has_surface(probe: ProbeResults) -> bool:
    """Whether there are points to draw."""
    return len(probe.table("surface")) > 0


def outline(below: np.ndarray) -> list[tuple[list[float], list[float]]]:
    """Edges between cells below log2 V and the others, as segments (x, y) in cell units.

    below: bool [k, N]; cell (i, j) covers x in [j − ½, j + ½] and y in [i − ½, i + ½]. The border
    of the map is no edge: nothing is known beyond it.
    """
    edges: list[tuple[list[float], list[float]]] = []
    n_rows, n_columns = below.shape
    for i in range(n_rows):
        for j in range(n_columns):
            if j + 1 < n_columns and below[i, j] != below[i, j + 1]:
                edges.append(([j + 0.5, j + 0.5], [i - 0.5, i + 0.5]))
            if i + 1 < n_rows and below[i, j] != below[i + 1, j]:
                edges.append(([j - 0.5, j + 0.5], [i + 0.5, i + 0.5]))
    return edges


def _norm(total: np.ndarray, baseline: float) -> TwoSlopeNorm:
    """White at log2 V; what is vacuous twice over has the last colour."""
    low, high = float(np.nanmin(total)), float(np.nanmax(total))
    below = min(low, 0.999 * baseline)
    return TwoSlopeNorm(baseline, below, max(min(high, 2.0 * baseline), 1.001 * baseline))


def _panel(figure: Figure, axes: Axes, probe: ProbeResults) -> None:
    rows = surface_rows(probe)
    table = rows.pivot(index="k", columns="n_tokens_asked", values="total")
    total = table.to_numpy(dtype=float)
    baseline = float(rows["baseline"].iloc[0])
    below = total < baseline
    colours = LinearSegmentedColormap.from_list("vacuous", (*SAYS_SOMETHING[::-1], *VACUOUS[::-1]))
    norm = _norm(total, baseline)
    axes.imshow(total, cmap=colours, norm=norm, aspect="auto", origin="lower")
    sizes = [int(float(str(size))) for size in table.columns]
    kept = [int(float(str(k))) for k in table.index]
    with_numbers = len(sizes) <= MOST_COLUMNS_WITH_NUMBERS and len(kept) <= MOST_ROWS_WITH_NUMBERS
    if with_numbers:
        for (i, j), value in np.ndenumerate(total):
            red, green, blue, _ = colours(norm(value))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            axes.text(
                j - 0.08, i, f"{value:.1f}", ha="center", va="center", fontsize=7.5,
                color="white" if dark else INK,
            )  # fmt: skip
    for x, y in outline(below):
        axes.plot(x, y, color=INK, linewidth=2.2, solid_capstyle="projecting")
    best = rows[rows["is_best"]]
    telling = best[best["total"] < baseline]  # among bounds that say nothing none is the best
    for size, k in zip(telling["n_tokens_asked"], telling["k"], strict=True):
        axes.plot(
            [sizes.index(int(size)) + (0.34 if with_numbers else 0.0)], [kept.index(int(k))],
            marker="*", ms=9, color="#EEDD88", mec=INK, mew=0.7, linestyle="none",
        )  # fmt: skip
    step = -(-len(sizes) // MOST_COLUMNS_WITH_NUMBERS)
    shown = range(len(sizes) - 1, -1, -step)
    documents = _documents(best)
    axes.set_xticks(
        list(shown),
        [count_label(float(f"{sizes[j]:.3g}")) + documents.get(sizes[j], "") for j in shown],
    )
    step = -(-len(kept) // MOST_ROWS_WITH_NUMBERS)
    shown = range(0, len(kept), step)
    axes.set_yticks(list(shown), [f"{kept[i]:,.0f}" for i in shown])
    axes.grid(False)
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_ylim(-0.5, len(kept) - 0.5)
    axes.set_xlabel(
        "N: tokens in the sample" + ("; below it, the documents that count" if documents else "")
    )
    axes.set_ylabel("k: atoms kept")
    axes.set_title(
        f"{probe.name}: below log₂V = {baseline:.2f} bits in {int(below.sum())} of {total.size} "
        "points"
    )
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        ax=axes,
        pad=0.015,
        fraction=0.05,
        extend=_extend(total, norm),
    )
    # The two halves of the scale have their own step, so that white is log2 V and both have ticks.
    bar.set_ticks(
        [float(norm.vmin or 0.0), baseline, float(norm.vmax or 0.0)],
        labels=_tick_words(norm, baseline),
    )
    bar.ax.tick_params(labelsize=8)
    bar.set_label("bits per token", fontsize=8.5)


def _extend(total: np.ndarray, norm: TwoSlopeNorm) -> str:
    return "max" if float(np.nanmax(total)) > float(norm.vmax or 0.0) else "neither"


def _tick_words(norm: TwoSlopeNorm, baseline: float) -> list[str]:
    low, high = float(norm.vmin or 0.0), float(norm.vmax or 0.0)
    near = 0.01 * baseline  # a half of the scale that is empty has no end to name
    return [
        f"{low:.1f}" if baseline - low > near else "",
        f"{baseline:.1f}",
        f"{high:.1f}" if high - baseline > near else "",
    ]


def _documents(best: pd.DataFrame) -> dict[int, str]:
    """By N, the second line of its tick: the documents behind the certificate, which may stay the
    same while N grows; nothing where they are not the unit or not known."""
    rows = best[(best["unit"] == "document") & best["n_documents"].notna()]
    pairs = zip(rows["n_tokens_asked"], rows["n_documents"], strict=True)
    return {int(size): f"\n{int(n):,}" for size, n in pairs}


@house_style
def bound_surface(probes: list[ProbeResults]) -> Figure:
    """The certificate srm_topk at each N and k, the border of what is below log2 V, k*(N) marked.

    A point belongs to a grid that was declared beforehand, so the map is drawn in cells and not
    interpolated between them.
    """
    drawable = [probe for probe in probes if has_surface(probe)]
    rows = max(int(surface_rows(probe)["k"].nunique()) for probe in drawable)
    height = 1.3 + 0.3 * min(max(rows, 2), 10)
    figure, axes = panels(len(drawable), height=height, legend_rows=1)
    for row, probe in zip(axes, drawable, strict=True):
        _panel(figure, row[0], probe)
    handles = [
        Line2D([], [], color=INK, linewidth=2.2),
        Line2D([], [], linestyle="none", marker="*", ms=10, color="#EEDD88", mec=INK, mew=0.7),
    ]
    legend_below(
        figure, handles, ["border of log₂V (random guess)", "k*(N): the smallest certificate"]
    )
    return figure


add_figure(
    FigureSpec(
        name="bound_surface",
        title="The certificate by sample size and atoms kept",
        section="selection",
        position=20,
        caption=(
            "Blue is below log₂V, red above. The black line is the border between them; the star "
            "marks k*(N) where the bound says something. All points hold simultaneously. A larger "
            "k brings the proxy closer to the model at no further cost, so the star is at the "
            "largest k of the grid unless chance decides otherwise."
        ),
        draw=bound_surface,
        has=has_surface,
        how="the stage sweep_bound, which writes surface.csv when grid.sweep has topk_<k>",
    )
)
