"""Out-of-distribution study: which score separates which shift, as a heat map."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.score_rows import (
    CONTENDERS,
    SIDES,
    auroc_matrix,
    column_pairs,
    score_words,
    uses_labels,
)
from semdim.plots.style import INK, house_style, panels
from semdim.results.read import ProbeResults

LABEL_CHARACTERS = 70
"""Characters that fit side by side under a heat map; longer labels are slanted."""


def _is_dark(colour: tuple[float, float, float, float]) -> bool:
    """Whether white text has more contrast on it than ink: by relative luminance (WCAG 2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in map(float, colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.2


def _heat_map(axes: Axes, probe: ProbeResults, matrix: pd.DataFrame) -> None:
    values = matrix.to_numpy(dtype=float)
    colours = matplotlib.colormaps["PuOr_r"]
    image = axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    free = np.array([not uses_labels(probe, score) for score in matrix.index])
    best = np.where(np.isfinite(values) & free[:, None], values, -1.0).max(axis=0)
    for (i, j), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        text = f"{value:.2f}"
        axes.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            fontsize=8,
            weight="bold" if free[i] and round(value, 2) == round(best[j], 2) else "normal",
            color="white" if _is_dark(colours(value)) else INK,
        )
    columns = column_pairs(matrix)
    sides = [side for side, _ in columns]
    for j in range(1, len(sides)):
        if sides[j] != sides[j - 1]:
            axes.axvline(j - 0.5, color="white", linewidth=4)
    for side in dict.fromkeys(sides):
        places = [j for j, other in enumerate(sides) if other == side]
        axes.text(
            float(np.mean(places)), -0.62, SIDES[side], ha="center", va="bottom", fontsize=8.5
        )
    names = [
        score_words(score) + (" (needs the label)" if uses_labels(probe, score) else "")
        for score in matrix.index
    ]
    axes.set_yticks(range(len(names)), names)
    shifts = [shift for _, shift in columns]
    axes.set_xticks(range(len(shifts)), shifts)
    if len(shifts) * max(map(len, shifts)) > LABEL_CHARACTERS:
        for tick in axes.get_xticklabels():
            tick.set(rotation=35, ha="right", rotation_mode="anchor")
    for label, score in zip(axes.get_yticklabels(), matrix.index, strict=True):
        label.set_fontweight("bold" if score in CONTENDERS else "normal")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(probe.name, pad=20)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.015, fraction=0.05, ticks=[0.0, 0.5, 1.0])
    bar.set_label("AUROC", fontsize=8.5)


@house_style
def auroc_table(probes: list[ProbeResults]) -> Figure:
    """Heat map of the AUROC: scores against shifts, as theory expects and two-sided, each score at
    its own level; 0.5 is a coin toss (white).

    Bold: the best in its column among the scores that do not need the label.
    """
    drawable = [probe for probe in probes if len(probe.table("uncertainty"))]
    matrices = [auroc_matrix(probe) for probe in drawable]
    longest = max(len(matrix) for matrix in matrices)
    names = [shift for matrix in matrices for _, shift in column_pairs(matrix)]
    room = 0.045 * max(map(len, names))  # for slanted labels
    figure, axes = panels(len(drawable), height=1.0 + 0.27 * longest + room)
    for row, probe, matrix in zip(axes, drawable, matrices, strict=True):
        _heat_map(row[0], probe, matrix)
    return figure


add_figure(
    FigureSpec(
        name="auroc_table",
        title="Which score distinguishes unfamiliar from familiar text",
        section="ood",
        position=10,
        caption=(
            "Orange: the score is higher on the shifted corpus; purple: lower. Bold numbers are "
            "the best in their column, at two decimals, among the scores that need no label. "
            "Left: each score in the direction that theory expects. Right: its distance from the "
            "usual value. That value and the level of each score are learnt on in-distribution "
            "documents that no rate counts. Mahalanobis and nearest-neighbour distances are "
            "fitted on the same documents."
        ),
        draw=auroc_table,
        has=lambda probe: len(probe.table("uncertainty")) > 0,
        how="the stage measure_uncertainty, with at least one corpus that is not in-distribution",
    )
)
