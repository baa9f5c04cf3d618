"""One house style for every figure: fonts, colours with one meaning each, files that never differ.

Files are byte-identical on a second run: the salt of SVG ids is fixed, no date is written, text is
drawn with the font that matplotlib ships. Colours began as Paul Tol's colour-blind-safe schemes
(https://sronpersonalpages.nl/~pault/): the light one for areas, the bright one for lines. Others
were added such that a colour-blind reader tells those of one figure apart, which
tests/unit/test_plots_palette.py measures.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ParamSpec, SupportsFloat

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from semdim.artifacts.temporary import temporary_of

Arguments = ParamSpec("Arguments")

WIDTH = 7.0
"""Width of a figure in inches: at the width of the report's column, 9 pt stays readable."""

LEGEND_LINE = 0.175
"""Height of one line of a legend in inches."""

INK = "#222222"
MUTED = "#6b6b6b"
GRID = "#e3e3e3"
BASELINE = "#555555"
"""log2 V, the random guess, wherever it is drawn."""

TERM_COLOURS: dict[str, str] = {
    "proxy_risk": "#A9C9EC",
    "gap": "#EE8866",
    "outside": "#BBCC33",
    "complexity": "#E6E6E6",
    "tail": "#EEDD88",
    "gap_tail": "#E07A9A",
}
"""A bound's summands, as areas and bars."""

ROLE_COLOURS: dict[str, tuple[str, ...]] = {
    "id": ("#332288", "#5566AA", "#8899CC"),
    "near": ("#44AA99", "#117733", "#88CCBB"),
    "shifted": ("#DDAA33", "#AA7711", "#EECC77"),
    "far": ("#AA4466", "#882255", "#CC8899"),
}
"""Corpora, by what they are in the out-of-distribution study."""

MODEL_COLOURS = ("#004488", "#BB5566", "#DDAA33", "#88AADD", "#4F1717", "#3939C6")

RC: dict[str, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.title_fontsize": 8.5,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.0,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.hashsalt": "semdim",
    "svg.fonttype": "path",
    "path.simplify": False,
}


def house_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Run a drawing function under the house style, whatever the caller's own settings are."""

    @functools.wraps(draw)
    def styled(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return styled


def panels(
    rows: int, columns: int = 1, *, height: float = 3.2, legend_rows: int = 0
) -> tuple[Figure, list[list[Axes]]]:
    """A figure with a grid of axes, `height` inches a row, laid out so that nothing overlaps.

    A tall legend below gets its own room: `legend_rows` lines of text.
    """
    size = (WIDTH, height * rows + LEGEND_LINE * legend_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in axes]


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `folder`/`name`.png (200 dpi) and .svg; returns the two paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)  # type: ignore[arg-type]
        # Straight to the canvas: `savefig` first draws everything once more without an output.
        figure.dpi = RC["savefig.dpi"]  # type: ignore[assignment]
        with temporary_of(paths[0]) as stream:
            FigureCanvasAgg(figure).print_png(stream, metadata={"Software": None})
        figure.set_layout_engine("none")  # placed by now; doing it again would take as long
        with temporary_of(paths[1]) as stream:
            FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    return paths


def count_label(value: SupportsFloat) -> str:
    """A count as people write it on an axis: 1,000 → 1k, 250,000 → 250k, 2,000,000 → 2M."""
    number = float(value)
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.4g}{letter}"
    return f"{number:.4g}"


def count_axis(axes: Axes, label: str) -> None:
    """A logarithmic axis of counts with readable ticks at 1, 2 and 5."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count_label(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def atoms_axis(axes: Axes, values: Iterable[SupportsFloat], label: str) -> None:
    """A logarithmic axis of numbers of atoms, with a tick at each value."""
    ticks = sorted({float(value) for value in values})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def legend_below(figure: Figure, handles: list, labels: list[str], columns: int = 2) -> None:
    """A legend under the axes, where it cannot cover data."""
    figure.legend(handles, labels, loc="outside lower left", ncols=columns, handlelength=2.6)


def corpus_colours(roles: dict[str, str]) -> dict[str, str]:
    """A colour per corpus: the role decides the hue, a second corpus of a role gets another shade.

    roles: corpus → one of id, near, shifted, far (anything else counts as shifted).
    """
    used: dict[str, int] = {}
    colours = {}
    for corpus, role in roles.items():
        known = role if role in ROLE_COLOURS else "shifted"
        shades = ROLE_COLOURS[known]
        colours[corpus] = shades[used.get(known, 0) % len(shades)]
        used[known] = used.get(known, 0) + 1
    return colours


def model_colours(names: list[str]) -> dict[str, str]:
    """A colour per model, in order."""
    return {name: MODEL_COLOURS[i % len(MODEL_COLOURS)] for i, name in enumerate(names)}
