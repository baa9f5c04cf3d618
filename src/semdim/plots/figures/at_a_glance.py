"""Three questions about a probe, answered in one picture: what the published bound says beside what
is certified, how far the SAE changes the loss, and what k detects."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import main_certificate, main_rows, published
from semdim.plots.selections.score_rows import main_level
from semdim.plots.style import BASELINE, INK, MUTED, count_axis, house_style
from semdim.results.read import ProbeResults

SIZE, NARROW_SIZE = (9.0, 3.3), (3.9, 8.4)
PUBLISHED, CERTIFIED, GAP = "#222222", "#228833", "#EE8866"
LEGEND_ROW = 0.65
"""Height of the row that a panel's legend has to itself, in rows of scores."""
PAPER = {"boxstyle": "square,pad=0.12", "fc": "white", "ec": "none"}
"""Behind words within a panel, which the grid would cross."""
CHANGES = {
    "faithfulness": "mean loss of a text",
    "faithfulness_tokens": "loss of a token",
}
SCORES = {
    "n_active": "k (the paper)",
    "unexplained_share": "unexplained share",
    "entropy": "entropy",
    "unigram_nll": "token frequency",
}


def _words(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    """Words on the panel, clear of the grid."""
    axes.text(x, y, words, bbox=PAPER, **({"fontsize": 8.5} | style))


def _bounds(axes: Axes, probe: ProbeResults) -> None:
    claimed, certified = published(probe), main_certificate(probe)
    assert claimed is not None and certified is not None
    baseline = float(claimed.last["baseline"])
    last = float(claimed.points["n_tokens"].max())
    first = float(min(c.points["n_tokens"].min() for c in (claimed, certified)))
    axes.set_xlim(first / 1.06, 1.06 * last)
    axes.set_ylim(0.0, 2.0 * baseline)
    count_axis(axes, "tokens in the sample (log scale)")
    axes.axhline(baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2)
    totals = float(claimed.last["total"]), float(certified.last["total"])
    right = {"ha": "right", "zorder": 2}
    _words(
        axes,
        last,
        min(1.75 * baseline, totals[0] + 0.62 * baseline),
        f"as published: {totals[0]:.1f}\n(not a certificate)",
        color=PUBLISHED,
        **right,
    )
    axes.annotate(
        f"certified: {totals[1]:.2f}, measured: {float(certified.last['proxy_risk']):.2f}",
        (last, totals[1]),
        xytext=(0, -8),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
        color=CERTIFIED,
    )
    axes.text(first * 1.45, 1.025 * baseline, f"random guess: {baseline:.1f}", fontsize=8.5)
    for curve, colour in ((claimed, PUBLISHED), (certified, CERTIFIED)):
        axes.plot(
            curve.points["n_tokens"].to_numpy(dtype=float),
            curve.points["total"].to_numpy(dtype=float),
            color=colour,
            marker="o",
        )
    axes.set_ylabel("bits per token")
    axes.set_title("How large is the model’s loss?")


def changes(probe: ProbeResults) -> pd.DataFrame:
    """The certificates of the SAE's own change at the largest N, by family."""
    rows = main_rows(probe)
    rows = rows[rows["family"].isin(list(CHANGES)) & (rows["proxy"] == "sae")]
    rows = rows[rows["n_tokens_asked"] == rows["n_tokens_asked"].max()]
    return rows.drop_duplicates("family").set_index("family")


def _change(axes: Axes, probe: ProbeResults) -> None:
    rows = changes(probe)
    names = [name for name in CHANGES if name in rows.index]
    gaps, totals = rows["gap"].astype(float).to_dict(), rows["total"].astype(float).to_dict()
    axes.set_xlim(0.0, 1.15 * max(totals.values()))
    for place, name in enumerate(reversed(names)):
        gap, total = gaps[name], totals[name]
        _words(
            axes,
            0.02,
            place + 0.20,
            f"measured {gap:.2f}, certified ≤ {total:.2f}",
            transform=axes.get_yaxis_transform(),
            color=MUTED,
        )
        axes.hlines(place, gap, total, color=GAP, linewidth=5, alpha=0.55)
        axes.plot([gap], [place], "o", color=GAP, markersize=7)
        axes.plot([total], [place], "|", color=INK, markersize=14, mew=2.2)
    _rows(axes, [CHANGES[name] for name in names], above=0.40)
    axes.set_xlabel("mean |change|, bits per token")
    axes.set_title("How much does the SAE change?")


def _detection(axes: Axes, probe: ProbeResults) -> None:
    table = probe.table("uncertainty")
    cells = table[table["level"] == main_level(probe)].set_index(["score", "shift"])["auroc"]
    names = [name for name in SCORES if name in cells.index.get_level_values("score")]
    shifts = list(dict.fromkeys(table["shift"]))[:2]
    axes.set_xlim(0.0, 1.04)
    for place, name in enumerate(reversed(names)):
        colour = PUBLISHED if name == "n_active" else MUTED
        for shift, marker, fill in zip(shifts, ("o", "D"), (None, "none"), strict=False):
            if (name, shift) in cells.index:
                value = float(cells[name, shift])
                axes.plot([value], [place], marker, color=colour, mfc=fill or colour, markersize=7)
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=MUTED, mfc=fill or MUTED, ms=7)
        for marker, fill in zip(("o", "D"), (None, "none"), strict=True)
    ]
    _rows(axes, [SCORES[name] for name in names], above=0.27, below=LEGEND_ROW)
    end = LEGEND_ROW / (len(names) + 0.12 + LEGEND_ROW)  # the legend stands below it
    axes.axvline(0.5, end, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2, zorder=1)
    axes.legend(
        handles[: len(shifts)], shifts, loc="lower left", ncols=2, handletextpad=0.2,
        columnspacing=1.0, borderaxespad=0.1, frameon=True, framealpha=1.0, edgecolor="none",
    )  # fmt: skip
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5\nchance", "0.75", "1"])
    axes.set_xlabel("AUROC against the sample’s text")
    axes.set_title("Does k notice other text?")


def _rows(axes: Axes, names: list[str], *, above: float, below: float = 0.0) -> None:
    """A row for each name, the first on top; the name stands within the panel, above its marks.

    above, below: of the names over their rows, and of free space at the bottom, in rows.
    """
    axes.set_yticks([place + above for place in range(len(names))], names[::-1], ha="left")
    axes.tick_params(axis="y", length=0, pad=-4)
    for label in axes.get_yticklabels():
        label.set(bbox=PAPER, fontsize=8.5)
    axes.set_ylim(-0.4 - below, len(names) - 0.28)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")


def _complete(probe: ProbeResults) -> bool:
    return (
        published(probe) is not None
        and main_certificate(probe) is not None
        and len(changes(probe)) > 0
        and "uncertainty" in probe.tables
        and "n_active" in set(probe.table("uncertainty")["score"])
    )


def _all_three(probes: list[ProbeResults], axes: Iterable[Axes]) -> None:
    probe = next(probe for probe in probes if _complete(probe))
    for panel, draw in zip(axes, (_bounds, _change, _detection), strict=True):
        draw(panel, probe)


@house_style
def at_a_glance(probes: list[ProbeResults]) -> Figure:
    """Three panels for the first probe that has the results of all three."""
    figure = Figure(figsize=SIZE, layout=ConstrainedLayoutEngine(wspace=0.05))
    _all_three(probes, figure.subplots(1, 3, width_ratios=(1.15, 1.0, 1.0)))
    return figure


@house_style
def at_a_glance_narrow(probes: list[ProbeResults]) -> Figure:
    """The same with the panels below each other."""
    figure = Figure(figsize=NARROW_SIZE, layout=ConstrainedLayoutEngine(hspace=0.06))
    _all_three(probes, figure.subplots(3, 1))
    return figure


add_figure(
    FigureSpec(
        name="at_a_glance",
        title="At a glance",
        section="verdict",
        position=10,
        caption=(
            "Left: the paper’s bound and the certificate of the model’s own loss (smoothed, mean "
            "over documents), plotted against the sample size. Middle: how much replacing the "
            "activation by the SAE’s reconstruction changes the loss, measured and certified. "
            "Right: how well each score distinguishes other text from the sample’s text; k and "
            "the unexplained share need the SAE, the other two do not."
        ),
        draw=at_a_glance,
        narrow=at_a_glance_narrow,
        has=_complete,
        how="the stage assemble_bound and the stage measure_uncertainty",
    )
)
