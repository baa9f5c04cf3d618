"""Two runs in one figure: bounds over N, the gap of each proxy, how many atoms are active."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from semdim.compare.numbers import mean_gaps
from semdim.compare.side import Pair
from semdim.plots.families import Curve, curves, main_certificate, published
from semdim.plots.selections.sparsity_rows import COVERED, SCORED, sparsity_rows
from semdim.plots.style import (
    INK,
    LEGEND_LINE,
    MUTED,
    WIDTH,
    count_axis,
    house_style,
    model_colours,
)
from semdim.results.read import ProbeResults

LINE = 72
"""Characters of a title that fit on a line."""
COLUMNS = 3
"""Corpora side by side."""
CERTIFIED_TOPK = "srm_topk"
GUESS = (0, (2, 2))
HEADROOM = 1.6
"""The axis of the bounds ends at this many times log2 V."""
LABEL_CHARACTERS = 44
LEGEND_ROWS = 4


@dataclass(frozen=True)
class Ink:
    """How a side is drawn: B is broken, so that A shows where the two lie on each other."""

    colour: str
    dash: Any
    width: float
    fill: str
    """Of its markers."""


_A, _B = model_colours(["A", "B"]).values()
INKS = (Ink(_A, "-", 1.0, _A), Ink(_B, (0, (4, 2)), 0.85, "white"))


def has_numbers(pair: Pair) -> bool:
    """Whether there is anything to draw."""
    return any(curves(m) or mean_gaps(m) or histogram(m).size for m in (pair.a, pair.b))


def histogram(probe: ProbeResults) -> pd.DataFrame:
    """n_active without position 0: corpus, left, right, count."""
    rows = probe.table("sparsity_histogram")
    return rows[rows["positions"] == SCORED]


@house_style
def overlay(pairs: list[Pair], label_a: str, label_b: str) -> Figure:
    """Each pair in three rows: the bounds over N, the proxies' gaps, n_active per corpus.

    label_a, label_b: what the legend calls the sides.
    """
    rows = [(pair, *row) for pair in pairs for row in _rows_of(pair)]
    heights = [*(height for _, _, height in rows), LEGEND_LINE * LEGEND_ROWS]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    # A part of its own for each row, so that long labels in one do not narrow the others.
    *parts, legend = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (pair, draw, _) in zip(parts, rows, strict=True):
        draw(part, pair)
    _legend(legend, label_a, label_b)
    return figure


def _rows_of(pair: Pair) -> list[tuple[Callable[[SubFigure, Pair], None], float]]:
    """What draws each row of a pair, and its height in inches."""
    probes = (pair.a, pair.b)
    rows: list[tuple[Callable[[SubFigure, Pair], None], float]] = []
    if any(curves(probe) for probe in probes):
        rows.append((_bounds_row, 3.2))
    proxies = {words for probe in probes for words in mean_gaps(probe)}
    if proxies:
        rows.append((_gaps_row, 0.9 + 0.26 * len(proxies)))
    corpora = [c for probe in probes for c in probe.corpora if c in set(histogram(probe)["corpus"])]
    corpora = list(dict.fromkeys(corpora))
    for i in range(0, len(corpora), COLUMNS):
        rows.append((partial(_histogram_row, corpora=corpora[i : i + COLUMNS]), 2.4))
    return rows


def _drawn(probe: ProbeResults) -> list[Curve]:
    """The published bound, the certificate put forward, and hard top-k codes."""
    topk = next((curve for curve in curves(probe) if curve.family == CERTIFIED_TOPK), None)
    lines = (published(probe), main_certificate(probe), topk)
    return [curve for curve in lines if curve is not None]


def _bounds_row(part: SubFigure, pair: Pair) -> None:
    axes = part.subplots()
    highest = max(probe.baseline or 0.0 for probe in (pair.a, pair.b))
    for probe, ink in zip((pair.a, pair.b), INKS, strict=True):
        for curve in _drawn(probe):
            axes.plot(
                curve.points["n_tokens"].to_numpy(dtype=float),
                curve.points["total"].to_numpy(dtype=float),
                color=ink.colour,
                linestyle=ink.dash,
                linewidth=(2.6 if not curve.is_certificate else 1.5) * ink.width,
                marker=_marker(curve),
                markerfacecolor=ink.fill,
                markersize=5.0,
            )
        if probe.baseline is not None:
            axes.axhline(probe.baseline, color=ink.colour, linestyle=GUESS, linewidth=1.1)
    count_axis(axes, "N: tokens in the sample (BOS included, log scale)")
    lowest_drawn = min(
        float(curve.points["total"].min()) for m in (pair.a, pair.b) for curve in _drawn(m)
    )
    axes.set_ylim(0.0, max(HEADROOM * highest, 1.2 * lowest_drawn))
    axes.set_ylabel("bits per token")
    axes.set_title(_title(pair, "the bounds over the sample size"))


def _title(pair: Pair, words: str) -> str:
    """A panel's title, on lines that end with the figure."""
    return "\n".join(textwrap.wrap(f"{pair.name}: {words}", LINE, break_on_hyphens=False))


def _marker(curve: Curve) -> str:
    if not curve.is_certificate:
        return ""
    return "s" if curve.family == CERTIFIED_TOPK else "o"


def _gaps_row(part: SubFigure, pair: Pair) -> None:
    axes = part.subplots()
    gaps = [mean_gaps(probe) for probe in (pair.a, pair.b)]
    names = list(dict.fromkeys(name for side in gaps for name in side))
    place = np.arange(len(names))[::-1]
    values = np.array([[side.get(name, np.nan) for side in gaps] for name in names])
    axes.hlines(place, values[:, 0], values[:, 1], color=MUTED, linewidth=1.2, zorder=2)
    for column, ink in enumerate(INKS):
        axes.plot(
            values[:, column],
            place,
            linestyle="none",
            marker="o",
            markersize=7.0 if column == 0 else 6.0,
            markerfacecolor=ink.fill,
            markeredgecolor=ink.colour,
            markeredgewidth=1.5,
            zorder=3 + column,
        )
    for y, (a, b) in zip(place, values, strict=True):
        axes.annotate(
            f"{_number(a)} → {_number(b)}",
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
    axes.set_yticks(place, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    positive = values[np.isfinite(values) & (values > 0.0)]
    if positive.size and not (values <= 0.0).any():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(0.8 * float(positive.min()), 1.25 * float(positive.max()))
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("mean |loss of the model − loss of the proxy|, bits per token; right: A → B")
    axes.set_title(_title(pair, "what each proxy costs"))


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "—"


def _histogram_row(part: SubFigure, pair: Pair, corpora: list[str]) -> None:
    row = part.subplots(1, COLUMNS, sharey=True)
    for axes, corpus in zip(row, corpora, strict=False):
        _histogram(axes, pair, corpus)
    for axes in row[len(corpora) :]:
        axes.set_axis_off()
    row[0].set_ylim(bottom=0.0)
    row[0].set_ylabel("share of tokens per atom")
    part.supxlabel("n_active: atoms at a token, position 0 left out; upright: means", fontsize=9.0)


def _histogram(axes: Axes, pair: Pair, corpus: str) -> None:
    ends = []
    for probe, ink in zip((pair.a, pair.b), INKS, strict=True):
        rows = histogram(probe)
        rows = rows[rows["corpus"] == corpus].sort_values("left")
        total = rows["count"].sum()
        if not total:
            continue
        width = rows["right"] - rows["left"]
        share = (rows["count"] / total / width).to_numpy(dtype=float)
        edges = np.append(rows["left"].to_numpy(float), float(rows["right"].iloc[-1]))
        axes.stairs(
            share,
            edges,
            color=ink.colour,
            linestyle=ink.dash,
            linewidth=1.6 * ink.width,
            baseline=None,
        )
        covered = rows["count"].cumsum() / total >= COVERED
        ends.append(float(rows.loc[covered, "right"].min()))
        table = sparsity_rows(probe)
        if corpus in table.index:
            mean = float(table.loc[corpus, "mean"])  # type: ignore[arg-type]
            axes.axvline(mean, color=ink.colour, linestyle=ink.dash, linewidth=0.9)
    axes.set_xlim(0.0, max(ends, default=1.0))
    roles = pair.a if corpus in pair.a.corpora else pair.b
    axes.set_title(f"{corpus} ({roles.role(corpus)})", fontsize=9)


def _legend(part: SubFigure, label_a: str, label_b: str) -> None:
    a, b = INKS
    handles = [
        Line2D([], [], color=a.colour, linestyle=a.dash, linewidth=3.0),
        Line2D([], [], color=b.colour, linestyle=b.dash, linewidth=2.6),
        Line2D([], [], color=INK, linestyle=GUESS, linewidth=1.1),
        Line2D([], [], color=INK, linewidth=2.6),
        Line2D([], [], color=INK, linewidth=1.5, marker="o", markersize=5.0),
        Line2D([], [], color=INK, linewidth=1.5, marker="s", markersize=5.0),
    ]
    words = [
        f"A: {_shortened(label_a)}",
        f"B: {_shortened(label_b)}",
        "log₂V: random guess",
        "as published (not a certificate)",
        "certificate: holdout",
        "certificate: hard top-k codes",
    ]
    part.legend(handles, words, loc="center left", ncols=2, handlelength=3.2)


def _shortened(label: str) -> str:
    if len(label) <= LABEL_CHARACTERS:
        return label
    half = (LABEL_CHARACTERS - 1) // 2
    return f"{label[:half]}…{label[-half:]}"
