"""The model's errors among the tokens that a score trusts most."""

from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.error_rows import (
    COLOURS,
    OUTCOMES,
    SHOWN,
    best_direction,
    error_words,
    main_outcome,
)
from semdim.plots.style import BASELINE, house_style, legend_below, panels
from semdim.results.read import ProbeResults


@house_style
def risk_coverage(probes: list[ProbeResults]) -> Figure:
    """A curve per score, read as it should be; k as the paper reads it, dotted."""
    drawable = [probe for probe in probes if len(probe.table("errors_curve"))]
    figure, axes = panels(len(drawable), height=3.4, legend_rows=3)
    lines: dict[str, object] = {}
    for row, probe in zip(axes, drawable, strict=True):
        panel, table = row[0], probe.table("errors_curve")
        outcome = main_outcome(table)
        table = table[table["outcome"] == outcome]
        curves = [
            (score, direction, part)
            for (score, direction), part in best_direction(table).groupby(["score", "direction"])
        ]
        claimed = table[(table["score"] == "n_active") & (table["direction"] == "expected")]
        for score, direction, part in sorted(
            ((s, d, p) for s, d, p in curves if s in SHOWN), key=lambda c: SHOWN.index(str(c[0]))
        ):
            (line,) = panel.plot(part["coverage"], part["risk"], color=COLOURS[str(score)])
            lines.setdefault(error_words(str(score), str(direction)), line)
        (line,) = panel.plot(
            claimed["coverage"], claimed["risk"], color=COLOURS["n_active"], linestyle=":"
        )
        lines.setdefault("k as the paper reads it", line)
        level = float(claimed["risk"].iloc[-1])
        mean = panel.axhline(level, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2)
        lines.setdefault("all tokens", mean)
        panel.set_xlim(0.0, 1.0)
        panel.set_ylim(bottom=0.0)
        panel.set_xlabel("share of tokens trusted")
        panel.set_ylabel(f"{OUTCOMES[outcome]} of those tokens")
        panel.set_title(probe.name)
    legend_below(figure, list(lines.values()), list(lines), 3)
    return figure


add_figure(
    FigureSpec(
        name="risk_coverage",
        title="Errors among the tokens that a score trusts most",
        section="errors",
        position=15,
        caption=(
            "Tokens enter from the left, most trusted first. A minus sign marks a score that was "
            "reversed, because the fit documents show that a higher value means fewer errors. The "
            "lower the curve, the better the score; a flat curve means that the score knows "
            "nothing."
        ),
        draw=risk_coverage,
        has=lambda probe: len(probe.table("errors_curve")) > 0,
        how="the stage measure_errors, which writes errors_curve.csv",
    )
)
