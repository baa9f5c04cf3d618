"""Figure 1: the bound against the sample size, term by term, beside what is really certified."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.documents_axis import documents_axis
from semdim.plots.families import MARKERS, Curve, crossing_tokens, curves, main_rows, published
from semdim.plots.style import (
    BASELINE,
    INK,
    MUTED,
    TERM_COLOURS,
    count_axis,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults

PUBLISHED_TERMS = {
    "proxy_risk": "proxy risk",
    "gap": "|gap|",
    "complexity": "complexity",
    "tail": "tail",
}
VISIBLE_SHARE = 0.02
"""A term whose area is thinner than this share of the axis everywhere has no place in the
legend."""
HEADROOM = 2.0
"""The axis ends at this many times log2 V: what is above it is vacuous many times over."""


def _top(probe: ProbeResults) -> float:
    """Upper end of a panel's axis, in bits."""
    highest = max(float(total) for curve in curves(probe) for total in curve.points["total"])
    baseline = probe.baseline
    if baseline is None:
        return 1.05 * highest
    return min(HEADROOM * baseline, 1.05 * max(highest, 1.15 * baseline))


def _line_style(curve: Curve) -> dict[str, Any]:
    if curve.is_certificate:
        style = {"linestyle": "-", "marker": MARKERS.get(curve.method, "o")}
        # Holdout comes by several methods, one of which is put forward: the others are thin.
        is_other = curve.family == "holdout" and curve.method != "betting"
        return style | ({"linewidth": 0.9, "markersize": 3.0, "alpha": 0.6} if is_other else {})
    if curve.family == "as_published":
        return {"linestyle": "-", "linewidth": 2.4, "marker": ""}
    dash: object = (0, (1, 1.2)) if curve.family.startswith("as_published") else (0, (1, 2.5))
    return {"linestyle": dash, "marker": ""}


def _stack(axes: Axes, curve: Curve) -> None:
    n_tokens = curve.points["n_tokens"].to_numpy(dtype=float)
    bottom = np.zeros(len(n_tokens))
    for term in PUBLISHED_TERMS:
        top = bottom + curve.points[term].fillna(0.0).to_numpy(dtype=float)
        axes.fill_between(n_tokens, bottom, top, color=TERM_COLOURS[term], linewidth=0)
        bottom = top


def _mark_crossing(
    axes: Axes, probe: ProbeResults, curve: Curve, baseline: float, above: float
) -> None:
    crossing, n_tokens = curve.crossing, crossing_tokens(probe)
    if crossing is None or n_tokens is None:
        return
    where = crossing.interpolated
    height = crossing.total if crossing.is_first_point else baseline
    prefix = "at or before" if crossing.is_first_point else "from"
    axes.plot([where], [height], marker="o", ms=7, mfc="white", mec=INK, mew=1.6, zorder=6)
    # To the right of the curve, which falls: there the box covers nothing.
    axes.annotate(
        f"below log₂V {prefix}\nN ≈ {n_tokens:,.0f} tokens",
        (where, height),
        xytext=(24, above),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=8.5,
        zorder=7,
        bbox={"boxstyle": "round,pad=0.25", "fc": "white", "ec": "#bbbbbb", "lw": 0.7},
        arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.9},
    )


BASELINE_LINE: dict[str, Any] = {
    "color": BASELINE,
    "linestyle": (0, (6, 3)),
    "linewidth": 1.4,
}
UNIGRAM_LINE: dict[str, Any] = {"color": BASELINE, "linestyle": (0, (1, 2)), "linewidth": 1.2}
"""The stronger baseline: frequencies of tokens, and no context."""


def _unigram_baselines(probes: list[ProbeResults]) -> list[float]:
    """Bits of that baseline, where it was measured."""
    found = (probe.headline.get("unigram_baseline") for probe in probes)
    return [float(bits) for bits in found if bits is not None]


def _draw_panel(axes: Axes, probe: ProbeResults) -> None:
    lines = curves(probe)
    main = published(probe)
    baseline = probe.baseline
    if main is not None:
        _stack(axes, main)
    for curve in lines:
        axes.plot(
            curve.points["n_tokens"].to_numpy(dtype=float),
            curve.points["total"].to_numpy(dtype=float),
            color=curve.colour,
            zorder=4 if curve.is_certificate else 3,
            **_line_style(curve),
        )
    every = [float(n) for curve in lines for n in curve.points["n_tokens"]]
    count_axis(axes, "tokens that were used (BOS included, log scale)")
    axes.set_ylabel("bits per token")
    axes.set_title(_settings(probe))
    low, high = min(every), max(every)
    axes.set_xlim(low / 1.25 if low == high else low, high * 1.04 if low < high else high * 1.25)
    axes.set_ylim(0.0, _top(probe))
    documents_axis(axes, probe)
    if baseline is None:
        return
    axes.axhline(baseline, **BASELINE_LINE, zorder=5)
    axes.annotate(
        f"log₂V\n{baseline:.2f}",  # beside the axes: within them any curve may pass
        (1.0, baseline),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=8.5,
        color=BASELINE,
    )
    for bits in _unigram_baselines([probe]):
        axes.axhline(bits, **UNIGRAM_LINE, zorder=5)
    if main is not None:
        _mark_crossing(axes, probe, main, baseline, above=34.0)


def _is_seen(probe: ProbeResults, term: str) -> bool:
    """Whether the area of a term is thick enough anywhere to be seen."""
    curve = published(probe)
    if curve is None:
        return False
    inside = curve.points[curve.points["total"] <= _top(probe)]
    return bool((inside[term].fillna(0.0) > VISIBLE_SHARE * _top(probe)).any())


def _settings(probe: ProbeResults) -> str:
    """δ and α of the rows that are drawn, for the title."""
    rows = main_rows(probe)[["failure_prob", "smoothing"]].dropna()
    if rows.empty:
        return probe.name
    delta, alpha = (float(value) for value in rows.to_numpy(dtype=float)[0])
    return f"{probe.name} (δ = {delta:g}, α = {alpha:g})"


def _legend(probes: list[ProbeResults]) -> list[tuple[Any, str]]:
    """Handles and words in two columns: certificates left, the rest right, both equally long."""
    seen: dict[str, Curve] = {}
    visible: set[str] = set()
    for probe in probes:
        for curve in curves(probe):
            key = f"{curve.label}|{curve.is_certificate}"
            seen.setdefault(key, curve)
            if curve.points["total"].min() < _top(probe):
                visible.add(key)

    def entries(certificate: bool) -> list[tuple[Any, str]]:
        return [
            (
                Line2D([], [], color=curve.colour, **_line_style(curve)),
                curve.label + ("" if key in visible else " ↑"),
            )
            for key, curve in seen.items()
            if curve.is_certificate is certificate
        ]

    blank = Line2D([], [], linestyle="none")
    left = [(blank, "CERTIFICATES (theorems under their assumptions)"), *entries(True)]
    right = [(blank, "NOT CERTIFICATES (observations only)"), *entries(False)]
    if any(probe.baseline is not None for probe in probes):
        right.append((Line2D([], [], **BASELINE_LINE), "log₂V: random guess"))
    if unigram := _unigram_baselines(probes):
        each = ", ".join(f"{bits:.2f}" for bits in unigram)
        right.append((Line2D([], [], **UNIGRAM_LINE), f"token frequencies, no context: {each}"))
    if any(published(probe) is not None for probe in probes):
        right += [
            (Patch(color=TERM_COLOURS[term]), f"share of “as published”: {words}")
            for term, words in PUBLISHED_TERMS.items()
            if any(_is_seen(probe, term) for probe in probes)
        ]
    if set(seen) - visible:
        left.append((blank, "↑ above the axis at every N"))
    rows = max(len(left), len(right))
    padded = [*left, *[(blank, "")] * (rows - len(left))]
    return [*padded, *right, *[(blank, "")] * (rows - len(right))]


@house_style
def bound_vs_n(probes: list[ProbeResults]) -> Figure:
    """Figure 1: a panel per probe, bits per token against N on a logarithmic axis.

    The area under "as published" is split into its terms; certificates are solid with markers, the
    others have none. A ring marks the N at which the published bound falls below log2 V for good.
    """
    drawable = [probe for probe in probes if curves(probe)]
    legend = _legend(drawable)
    figure, axes = panels(len(drawable), height=3.0, legend_rows=len(legend) // 2)
    for row, probe in zip(axes, drawable, strict=True):
        _draw_panel(row[0], probe)
        row[0].tick_params(colors=MUTED, labelcolor=INK)
    legend_below(figure, [handle for handle, _ in legend], [words for _, words in legend])
    return figure


add_figure(
    FigureSpec(
        name="bound_vs_n",
        title="The bound by sample size",
        section="bound",
        position=10,
        caption=(
            "The shaded areas are the stacked terms of the bound as published. Their upper edge "
            "(black) is the bound; a term too thin to be seen has no entry below. Coloured lines "
            "with markers are certificates about means over whole documents, counted above. The "
            "black lines are about means over all sequences of the first N tokens. The axis ends "
            "where a bound is vacuous many times over. The dotted line is the cost of a table of "
            "token frequencies, with each document predicted from the others; it shows that log₂V "
            "is a weak baseline."
        ),
        draw=bound_vs_n,
        has=lambda probe: bool(curves(probe)),
        how="the stage assemble_bound, which writes bounds.csv",
    )
)
