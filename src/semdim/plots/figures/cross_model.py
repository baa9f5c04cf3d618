"""Several probes side by side: who becomes non-vacuous first, and is code sparser than English?"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.documents_axis import documents_axis
from semdim.plots.families import MARKERS, Curve, comparable, main_certificate, published
from semdim.plots.selections.sparsity_rows import sparsity_rows
from semdim.plots.style import BASELINE, INK, WIDTH, count_axis, house_style, model_colours
from semdim.results.read import ProbeResults


def _curves(probe: ProbeResults) -> list[Curve]:
    return [curve for curve in (published(probe), main_certificate(probe)) if curve is not None]


def _certificate_marker(probes: list[ProbeResults]) -> str:
    """The marker of the certificates that are drawn, as the legend shows it."""
    methods = [curve.method for probe in probes if (curve := main_certificate(probe)) is not None]
    return MARKERS.get(methods[0], "o") if methods else "o"


def _bound_panel(axes: Axes, probes: list[ProbeResults], relative: bool) -> None:
    colours = model_colours([probe.name for probe in probes])
    top = 0.0
    for probe in probes:
        for curve in _curves(probe):
            baseline = curve.points["baseline"].astype(float)
            total = curve.points["total"].astype(float) / (baseline if relative else 1.0)
            axes.plot(
                curve.points["n_tokens"].to_numpy(dtype=float),
                total.to_numpy(dtype=float),
                color=colours[probe.name],
                marker=MARKERS.get(curve.method, "o") if curve.is_certificate else "",
                linewidth=1.4 if curve.is_certificate else 2.2,
            )
        level = 1.0 if relative else float(probe.baseline or 0.0)
        top = max(top, level)
        axes.axhline(
            level,
            color=BASELINE if relative else colours[probe.name],
            linestyle=(0, (6, 3)),
            linewidth=1.2,
        )
    count_axis(axes, "N: tokens in the sample (log scale)")
    for above, probe in enumerate(probes):
        words = "documents behind the certificates" if above == len(probes) - 1 else ""
        documents_axis(
            axes, probe, words=words, above=18.0 * above, most=4, colour=colours[probe.name]
        )
    axes.set_ylim(0.0, 2.0 * top)
    axes.set_ylabel("bound ÷ log₂V" if relative else "bits per token")
    axes.set_title("relative to a random guess" if relative else "in bits", fontsize=9)
    axes.xaxis.set_major_locator(LogLocator(numticks=20))


def _sparsity_panel(axes: Axes, probes: list[ProbeResults]) -> None:
    colours = model_colours([probe.name for probe in probes])
    corpora = list(dict.fromkeys(c for probe in probes for c in sparsity_rows(probe).index))
    for i, probe in enumerate(probes):
        for corpus, row in sparsity_rows(probe).iterrows():
            x = corpora.index(str(corpus)) + 0.22 * (i - (len(probes) - 1) / 2)
            if pd.notna(row["q25"]) and pd.notna(row["q75"]):
                axes.vlines(
                    x,
                    float(row["q25"]),
                    float(row["q75"]),
                    color=colours[probe.name],
                    linewidth=2.2,
                )
            axes.plot([x], [float(row["mean"])], "o", color=colours[probe.name], ms=6)
            axes.annotate(
                f"{float(row['mean']):.1f}",
                (x, float(row["mean"])),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    axes.set_xticks(range(len(corpora)), corpora)
    axes.set_xlim(-0.6, len(corpora) - 0.4)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("k: active atoms per token")
    axes.set_title("mean k without position 0; bars: the middle half of the tokens", fontsize=9)


@house_style
def cross_model(probes: list[ProbeResults]) -> Figure:
    """The published bound and the main certificate of each probe, in bits and relative to log2 V;
    below, the mean number of active atoms per corpus."""
    drawable = comparable(probes)
    with_sparsity = [probe for probe in drawable if len(sparsity_rows(probe))]
    rows = 2 if with_sparsity else 1
    figure = Figure(figsize=(WIDTH, 3.2 * rows), layout="constrained")
    grid = figure.add_gridspec(rows, 2)
    _bound_panel(figure.add_subplot(grid[0, 0]), drawable, relative=False)
    _bound_panel(figure.add_subplot(grid[0, 1]), drawable, relative=True)
    if with_sparsity:
        _sparsity_panel(figure.add_subplot(grid[1, :]), with_sparsity)
    colours = model_colours([probe.name for probe in drawable])
    handles = [Line2D([], [], color=colour, linewidth=3) for colour in colours.values()]
    handles += [
        Line2D([], [], color=INK, linewidth=2.2),
        Line2D([], [], color=INK, linewidth=1.4, marker=_certificate_marker(drawable)),
        Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2),
    ]
    words = ["as published (no certificate)", "certificate: holdout", "log₂V: random guess"]
    figure.legend(handles, [*colours, *words], loc="outside lower left", ncols=3)
    return figure


add_figure(
    FigureSpec(
        name="cross_model",
        title="Models side by side",
        section="models",
        position=10,
        caption=(
            "Left: in bits. Right: divided by each model’s own log₂V, because vocabularies "
            "differ, and so does the cost of a random guess."
        ),
        draw=cross_model,
        has=lambda probe: bool(comparable([probe])),
        how="two or more models in one run: experiment=two_models",
        n_probes=2,
    )
)
