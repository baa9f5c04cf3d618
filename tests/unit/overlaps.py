"""What a reader sees of a drawn figure and should not: words over words, over lines, cut off."""

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

TOUCH = 1.0
"""Points by which two boxes may meet: a box of text has a little air of its own."""


def faults(figure: Figure) -> list[str]:
    """Every pair of texts that overlap, every text over a line or a marker, every text that the
    edge of the figure cuts. The figure is laid out first."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    every = list(_texts(figure, renderer))
    upright = [(words, box) for words, box, is_upright in every if is_upright]
    points = figure.dpi / 72
    found = [
        f"{one!r} over {other!r}"
        for (one, a), (other, b) in itertools.combinations(upright, 2)
        if _overlap(a, b, TOUCH * points)
    ]
    whole = figure.bbox
    found += [
        f"{words!r} is cut off"
        for words, box, _ in every
        if box.x0 < whole.x0 - 1 or box.x1 > whole.x1 + 1
        or box.y0 < whole.y0 - 1 or box.y1 > whole.y1 + 1
    ]  # fmt: skip
    for axes in _axes(figure):
        paths = list(_data(axes, points))
        for text in _own(axes):
            box = _read(_box(text, renderer), points)
            if any(path.intersects_bbox(box, filled=False) for path in paths):
                found.append(f"{text.get_text()!r} over a line")
    return found


def _axes(figure: Figure) -> Iterator[Axes]:
    for axes in figure.axes:
        yield axes
        yield from axes.child_axes


def _own(axes: Axes) -> list[Text]:
    """The words that stand within the axes."""
    return [text for text in axes.texts if text.get_visible() and text.get_text().strip()]


def _texts(figure: Figure, renderer: RendererAgg) -> Iterator[tuple[str, Bbox, bool]]:
    """All words of a figure, their boxes in pixels, and whether the box is as the words fill it."""
    found: list[Text] = [*figure.texts]
    for axes in _axes(figure):
        found += [axes.title, axes._left_title, axes._right_title]  # type: ignore[attr-defined]
        found += axes.texts
        if not axes.axison:
            continue
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            shown = [tick for tick in ticks if low <= tick.get_loc() <= high]
            found += [label for tick in shown for label in (tick.label1, tick.label2)]
            found.append(axis.label)
        if (legend := axes.get_legend()) is not None:
            found += legend.get_texts()
    for legend in figure.legends:
        found += legend.get_texts()
    for text in found:
        if text.get_visible() and text.get_text().strip():
            yield text.get_text(), _box(text, renderer), text.get_rotation() % 90 == 0


def _box(text: Text, renderer: RendererAgg) -> Bbox:
    # An annotation's own extent reaches to what it points at.
    if isinstance(text, Annotation):
        text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def _overlap(one: Bbox, other: Bbox, slack: float) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > slack and high > slack


def _read(box: Bbox, points: float) -> Bbox:
    """What must be free for the words of a box to be read: a little to their sides, and less than
    their line's height."""
    up = min(2 * points, box.height / 3)
    return Bbox.from_extents(box.x0 - 1.5 * points, box.y0 + up, box.x1 + 1.5 * points, box.y1 - up)


def _marker(kind: object, x: float, y: float, radius: float) -> Path:
    if kind == "|":
        return Path([(x, y - radius), (x, y + radius)])
    if kind == "_":
        return Path([(x - radius, y), (x + radius, y)])
    return Path.circle((x, y), radius)


def _data(axes: Axes, points: float) -> Iterator[Path]:
    """Outlines of what is drawn from data, in pixels: curves, markers, the steps of histograms.

    A line straight across the axes is a mark of scale: words may stand on it.
    """
    for line in axes.lines:
        if line.get_transform() != axes.transData:
            continue
        corners = axes.transData.transform(np.column_stack(line.get_data(orig=False)))
        corners = corners[np.isfinite(corners).all(axis=1)]
        if line.get_linestyle() not in ("None", "none", "") and len(corners):
            yield Path(corners)
        if line.get_marker() not in ("None", "none", ""):
            size = line.get_markersize() * points
            yield from (_marker(line.get_marker(), x, y, size / 2) for x, y in corners)
    for patch in axes.patches:
        if isinstance(patch, StepPatch):
            yield patch.get_path().transformed(patch.get_transform())
