"""Out-of-distribution study: detections against false alarms."""

from typing import Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.score_rows import (
    CONTENDERS,
    is_two_sided,
    main_level,
    one_sided,
    score_words,
    uses_labels,
)
from semdim.plots.style import MUTED, house_style, legend_below, panels
from semdim.results.read import ProbeResults

SCORE_COLOURS = {
    "n_active": "#AA3377",
    "n_active_adjusted": "#222277",
    "unexplained_share": "#3939C6",
    "activation_norm": "#7761D1",
    "mahalanobis": "#98CDA2",
    "relative_mahalanobis": "#9E442E",
    "knn_distance": "#88CCDD",
    "one_minus_max_prob": "#212145",
    "entropy": "#4477AA",
    "energy": "#D18E61",
    "unigram_nll": "#EE7733",
    "nll": "#222222",
}


def score_colour(score: str) -> str:
    """One colour for a score and its two-sided form, which is drawn dashed."""
    return SCORE_COLOURS.get(one_sided(score), MUTED)


def _style(probe: ProbeResults, score: str) -> Literal[":", "--", "-"]:
    return ":" if uses_labels(probe, score) else "--" if is_two_sided(score) else "-"


def roc_choice(probe: ProbeResults, shift: str, n_others: int = 3) -> list[str]:
    """Scores drawn for a shift: the two of n_active, and the best others by AUROC, each in the
    better of its two forms."""
    rows = probe.table("uncertainty")
    rows = rows[(rows["shift"] == shift) & (rows["level"] == main_level(probe))]
    rows = rows.sort_values("auroc", ascending=False)
    contenders = [score for score in CONTENDERS if score in set(rows["score"])]
    others: dict[str, str] = {}
    for score in rows["score"]:
        if one_sided(score) not in CONTENDERS:
            others.setdefault(one_sided(score), score)
    return contenders + list(others.values())[:n_others]


def roc_shifts(probe: ProbeResults) -> list[str]:
    """Shifts with a ROC curve at the level drawn, and an AUROC to choose the scores by."""
    rows = probe.table("roc")
    there = rows.loc[rows["level"] == main_level(probe), "shift"]
    return [shift for shift in dict.fromkeys(there) if roc_choice(probe, str(shift))]


def _roc_columns(n_shifts: int) -> int:
    """Panels side by side: as many as there are shifts, at most three, and rows of equal length
    where that is possible."""
    return 2 if n_shifts == 4 else min(n_shifts, 3)


def _range_of_auroc(probe: ProbeResults, shift: str) -> str:
    """What the curves of a panel amount to, which near the corner no eye can tell."""
    rows = probe.table("uncertainty")
    rows = rows[(rows["shift"] == shift) & (rows["level"] == main_level(probe))]
    found = rows.loc[rows["score"].isin(roc_choice(probe, shift)), "auroc"]
    return f"AUROC {found.min():.3f} to {found.max():.3f}"


@house_style
def roc(probes: list[ProbeResults]) -> Figure:
    """ROC curves per probe and shift, each score at its own level."""
    drawable = [probe for probe in probes if roc_shifts(probe)]
    columns = _roc_columns(max(len(roc_shifts(probe)) for probe in drawable))
    rows = [-(-len(roc_shifts(probe)) // columns) for probe in drawable]
    figure, grid = panels(sum(rows), columns, height=max(2.5, 6.6 / columns), legend_rows=6)
    lines = iter(grid)
    axes = [[panel for _ in range(n) for panel in next(lines)] for n in rows]
    seen: list[str] = []
    for row, probe in zip(axes, drawable, strict=True):
        curves = probe.table("roc")
        curves = curves[curves["level"] == main_level(probe)]
        shifts = roc_shifts(probe)
        for panel, shift in zip(row, shifts, strict=False):
            panel.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1.0)
            for score in roc_choice(probe, shift)[::-1]:
                part = curves[(curves["shift"] == shift) & (curves["score"] == score)]
                part = part.sort_values(["false_positive_rate", "true_positive_rate"])
                panel.plot(
                    part["false_positive_rate"],
                    part["true_positive_rate"],
                    _style(probe, score),
                    color=score_colour(score),
                    linewidth=1.7,
                )
                seen += [score] if score not in seen else []
            panel.text(
                0.97, 0.06, _range_of_auroc(probe, shift), ha="right", fontsize=8, color=MUTED,
                transform=panel.transAxes,
            )  # fmt: skip
            title = f"{probe.name}: {shift}"
            panel.set_title(title if len(title) < 26 else title.replace(": ", ":\n"), fontsize=9)
            panel.set_xlabel("ID sequences flagged")
            panel.set_ylabel("OOD sequences flagged")
            panel.set_aspect("equal")
            panel.xaxis.set_major_formatter(PercentFormatter(1.0))
            panel.yaxis.set_major_formatter(PercentFormatter(1.0))
        for panel in row[len(shifts) :]:
            panel.set_axis_off()
    known = list(SCORE_COLOURS)
    seen.sort(key=lambda s: (known.index(one_sided(s)) if one_sided(s) in known else 99, s))
    label = {score: any(uses_labels(probe, score) for probe in drawable) for score in seen}
    handles: list = [
        Line2D([], [], color=score_colour(score), linestyle=_style(drawable[0], score))
        for score in seen
    ]
    words = [score_words(s) + (" (needs the label)" if label[s] else "") for s in seen]
    legend_below(figure, handles, words, 2)
    return figure


add_figure(
    FigureSpec(
        name="roc",
        title="Detections versus false alarms",
        section="ood",
        position=30,
        caption=(
            "One curve per score, for the two readings of n_active and the three best other "
            "scores. The level of each score was chosen on in-distribution documents that no "
            "curve counts. Dashed: two-sided."
        ),
        draw=roc,
        has=lambda probe: bool(roc_shifts(probe)),
        how="the stage measure_uncertainty, which writes roc.csv",
    )
)
