"""Is the model's own confidence right, and does k tell where it is not?"""

import numpy as np
from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import (
    BASELINE,
    INK,
    MODEL_COLOURS,
    count_axis,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults


@house_style
def reliability(probes: list[ProbeResults]) -> Figure:
    """Accuracy against confidence (all tokens, lowest and highest k), and the ECE by k."""
    drawable = [probe for probe in probes if len(probe.table("reliability"))]
    figure, axes = panels(len(drawable), 2, height=2.9)
    handles: list = []
    labels = ["all tokens", "bin of the smallest k", "bin of the largest k"]
    for row, probe in zip(axes, drawable, strict=True):
        table, by_k = probe.table("reliability"), probe.table("errors_by_k")
        diagram, errors = row
        diagram.plot([0, 1], [0, 1], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2)
        shown = (0, 1, int(table["k_bin"].max()))
        handles = []
        for number, colour in zip(shown, (INK, MODEL_COLOURS[0], MODEL_COLOURS[1]), strict=True):
            part = table[(table["k_bin"] == number) & (table["count"] >= 10)]
            (line,) = diagram.plot(part["confidence"], part["accuracy"], marker="o", color=colour)
            handles.append(line)
        diagram.set_xlabel("largest probability")
        diagram.set_ylabel("share of correct predictions")
        diagram.set_title(probe.name)
        ece = by_k["ece"].to_numpy(dtype=float)
        low, high = (by_k[f"ece_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
        errors.errorbar(
            by_k["mean_k"], ece, yerr=[np.maximum(ece - low, 0), np.maximum(high - ece, 0)],
            marker="o", capsize=2, color=INK,
        )  # fmt: skip
        count_axis(errors, "active atoms (mean of the bin)")
        errors.set_ylim(bottom=0.0)
        errors.set_ylabel("calibration error")
    legend_below(figure, handles, labels, 3)
    return figure


add_figure(
    FigureSpec(
        name="reliability",
        title="How far the model’s confidence can be trusted, by k",
        section="errors",
        position=35,
        caption=(
            "Left: when the model gives its most probable token the probability p, it should be "
            "right in a share p of the cases. Right: the expected calibration error in each bin "
            "of k, with an interval over resampled documents; it is biased upwards in small bins."
        ),
        draw=reliability,
        has=lambda probe: len(probe.table("reliability")) > 0,
        how="the stage measure_errors, from a ledger with the column top1_error",
    )
)
