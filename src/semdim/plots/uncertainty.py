"""Out-of-distribution study: which score separates which shift."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from semdim.plots.style import INK, MUTED, house_style, legend_below, panels
from semdim.results.read import ProbeResults

LEVELS = {
    "token": "per token",
    "sequence_mean": "mean of a sequence",
    "sequence_max": "maximum of a sequence",
}
SCORE_COLOURS = {
    "n_active": "#AA3377",
    "n_active_two_sided": "#EE99AA",
    "unexplained_share": "#228833",
    "activation_norm": "#999933",
    "activation_norm_two_sided": "#CCBB44",
    "mahalanobis": "#8B5A2B",
    "relative_mahalanobis": "#44AA99",
    "knn_distance": "#7755CC",
    "one_minus_max_prob": "#66CCEE",
    "entropy": "#4477AA",
    "energy": "#004488",
    "unigram_nll": "#EE7733",
    "nll": "#444444",
}
ROC_LEVEL = "sequence_mean"
LABEL_CHARACTERS = 70
"""Characters that fit side by side under a heat map; longer labels are slanted."""
CONTENDERS = ("n_active", "n_active_two_sided")


def score_words(score: str) -> str:
    """A score's name for a table: underscores are for files."""
    words = score.replace("_", " ").replace("n active", "n_active")
    return words.replace("mahalanobis", "Mahalanobis").replace("knn", "kNN")


def uses_labels(model: ProbeResults, score: str) -> bool:
    """Whether a score looks at the true next token, so that it exists only after the fact."""
    rows = model.table("uncertainty")
    flags = rows.loc[rows["score"] == score, "uses_labels"].dropna()
    return bool(len(flags)) and str(flags.iloc[0]).lower() in ("true", "1", "1.0")


def auroc_matrix(model: ProbeResults) -> pd.DataFrame:
    """AUROC with a row per score and a column per (level, shift), in the order of the files."""
    rows = model.table("uncertainty")
    scores = list(dict.fromkeys(rows["score"]))
    shifts = list(dict.fromkeys(rows["shift"]))
    levels = [level for level in LEVELS if level in set(rows["level"])]
    columns = pd.MultiIndex.from_tuples([(level, s) for level in levels for s in shifts])
    matrix = rows.pivot_table(index="score", columns=["level", "shift"], values="auroc")
    return matrix.reindex(index=scores, columns=columns)


def column_pairs(matrix: pd.DataFrame) -> list[tuple[str, str]]:
    """The columns of `auroc_matrix` as (level, shift)."""
    return [(str(pair[0]), str(pair[1])) for pair in matrix.columns.to_list()]


def _heat_map(axes: Axes, model: ProbeResults, matrix: pd.DataFrame) -> None:
    values = matrix.to_numpy(dtype=float)
    colours = matplotlib.colormaps["PuOr_r"]
    axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    free = np.array([not uses_labels(model, score) for score in matrix.index])
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
            weight="bold" if free[i] and value == best[j] else "normal",
            color="white" if abs(value - 0.5) > 0.36 else INK,
        )
    columns = column_pairs(matrix)
    levels = [level for level, _ in columns]
    for j in range(1, len(levels)):
        if levels[j] != levels[j - 1]:
            axes.axvline(j - 0.5, color="white", linewidth=4)
    for level in dict.fromkeys(levels):
        places = [j for j, name in enumerate(levels) if name == level]
        axes.text(
            float(np.mean(places)), -0.62, LEVELS[level], ha="center", va="bottom", fontsize=8.5
        )
    names = [
        score_words(score) + (" (needs the label)" if uses_labels(model, score) else "")
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
    axes.set_title(model.name, pad=20)


@house_style
def auroc_table(models: list[ProbeResults]) -> Figure:
    """Heat map of the AUROC: scores against shifts, at each level; 0.5 is a coin toss (white).

    Bold: the best in its column among the scores that do not need the label.
    """
    drawable = [model for model in models if len(model.table("uncertainty"))]
    matrices = [auroc_matrix(model) for model in drawable]
    longest = max(len(matrix) for matrix in matrices)
    names = [shift for matrix in matrices for _, shift in column_pairs(matrix)]
    room = 0.045 * max(map(len, names))  # for slanted labels
    figure, axes = panels(len(drawable), height=1.0 + 0.27 * longest + room)
    for row, model, matrix in zip(axes, drawable, matrices, strict=True):
        _heat_map(row[0], model, matrix)
    return figure


def roc_choice(model: ProbeResults, shift: str, n_others: int = 3) -> list[str]:
    """Scores drawn for a shift: the two of n_active, and the best others by AUROC."""
    rows = model.table("uncertainty")
    rows = rows[(rows["shift"] == shift) & (rows["level"] == ROC_LEVEL)]
    rows = rows.sort_values("auroc", ascending=False)
    contenders = [score for score in CONTENDERS if score in set(rows["score"])]
    others = [score for score in rows["score"] if score not in CONTENDERS]
    return contenders + others[:n_others]


def roc_shifts(model: ProbeResults) -> list[str]:
    """Shifts with a ROC curve at the level drawn, and an AUROC to choose the scores by."""
    rows = model.table("roc")
    there = rows.loc[rows["level"] == ROC_LEVEL, "shift"]
    return [shift for shift in dict.fromkeys(there) if roc_choice(model, str(shift))]


def _roc_columns(n_shifts: int) -> int:
    """Panels side by side: as many as there are shifts, at most three, and rows of equal length
    where that is possible."""
    return 2 if n_shifts == 4 else min(n_shifts, 3)


@house_style
def roc(models: list[ProbeResults]) -> Figure:
    """ROC curves per model and shift at the level of sequence means."""
    drawable = [model for model in models if roc_shifts(model)]
    columns = _roc_columns(max(len(roc_shifts(model)) for model in drawable))
    rows = [-(-len(roc_shifts(model)) // columns) for model in drawable]
    figure, grid = panels(sum(rows), columns, height=max(2.5, 6.6 / columns))
    lines = iter(grid)
    axes = [[panel for _ in range(n) for panel in next(lines)] for n in rows]
    seen: list[str] = []
    for row, model in zip(axes, drawable, strict=True):
        curves = model.table("roc")
        curves = curves[curves["level"] == ROC_LEVEL]
        shifts = roc_shifts(model)
        for panel, shift in zip(row, shifts, strict=False):
            panel.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1.0)
            for score in roc_choice(model, shift)[::-1]:
                part = curves[(curves["shift"] == shift) & (curves["score"] == score)]
                part = part.sort_values(["false_positive_rate", "true_positive_rate"])
                style = ":" if uses_labels(model, score) else "-"
                colour = SCORE_COLOURS.get(score, MUTED)
                panel.plot(
                    part["false_positive_rate"],
                    part["true_positive_rate"],
                    style,
                    color=colour,
                    linewidth=1.7,
                )
                seen += [score] if score not in seen else []
            title = f"{model.name}: {shift}"
            panel.set_title(title if len(title) < 26 else title.replace(": ", ":\n"), fontsize=9)
            panel.set_xlabel("false alarms on ID sequences")
            panel.set_ylabel("sequences detected")
            panel.set_aspect("equal")
            panel.xaxis.set_major_formatter(PercentFormatter(1.0))
            panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        for panel in row[len(shifts) :]:
            panel.set_axis_off()
    seen.sort(key=lambda score: list(SCORE_COLOURS).index(score) if score in SCORE_COLOURS else 99)
    label = {score: any(uses_labels(model, score) for model in drawable) for score in seen}
    handles: list = [
        Line2D(
            [], [], color=SCORE_COLOURS.get(score, MUTED), linestyle=":" if label[score] else "-"
        )
        for score in seen
    ]
    words = [score_words(s) + (" (needs the label)" if label[s] else "") for s in seen]
    legend_below(figure, handles, words, 3)
    return figure
