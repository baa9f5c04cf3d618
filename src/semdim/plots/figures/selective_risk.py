"""Certified risk against certified coverage."""

from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.error_rows import COLOURS, OUTCOMES, error_words
from semdim.plots.style import house_style, legend_below, panels
from semdim.results.read import ProbeResults


@house_style
def selective_risk(probes: list[ProbeResults]) -> Figure:
    """A panel per outcome: a curve for each score of which a threshold was certified."""
    drawable = [probe for probe in probes if len(probe.table("selective_risk"))]
    figure, axes = panels(len(drawable), 2, height=2.9)
    lines: dict[str, object] = {}
    for row, probe in zip(axes, drawable, strict=True):
        table = probe.table("selective_risk")
        for panel, outcome in zip(row, ("top1_error", "loss"), strict=True):
            mine = table[table["outcome"] == outcome]
            panel.set_title(probe.name if outcome == "top1_error" else "")
            if mine.empty:
                panel.set_axis_off()
                continue
            for (score, direction), part in mine.groupby(["score", "direction"], sort=False):
                words = error_words(str(score), str(direction))
                points = part[part["is_certified"]].sort_values("target_risk")
                (line,) = panel.plot(
                    points["coverage"], points["target_risk"], marker="o",
                    color=COLOURS.get(str(score)),
                )  # fmt: skip
                if len(points) or words not in lines:
                    lines[words] = line
            panel.set_xlim(-0.03, 1.0)
            panel.set_xlabel("certified: at least this share is let through")
            panel.set_ylabel(f"certified {OUTCOMES[outcome]}")
    reached = {
        error_words(str(score), str(direction))
        for probe in drawable
        for (score, direction), part in probe.table("selective_risk").groupby(
            ["score", "direction"]
        )
        if part["is_certified"].any()
    }
    labels = [words if words in reached else f"{words}: none certified" for words in lines]
    legend_below(figure, list(lines.values()), labels, 2)
    return figure


add_figure(
    FigureSpec(
        name="selective_risk",
        title="Certified risk of what a threshold lets through",
        section="errors",
        position=70,
        caption=(
            "Each point is a target risk that was fixed on other documents; the further right, "
            "the more is let through. Targets for which no threshold is certified have no point. "
            "The best order uses the outcome itself, so no score can reach it."
        ),
        draw=selective_risk,
        has=lambda probe: len(probe.table("selective_risk")) > 0,
        how="the setting errors.target_shares and the stage measure_errors",
    )
)
