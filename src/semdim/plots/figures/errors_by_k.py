"""Errors by k: as they are, and freed of position, frequency and entropy."""

import numpy as np
from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.error_rows import OUTCOMES, TOP1
from semdim.plots.style import INK, MODEL_COLOURS, count_axis, house_style, legend_below, panels
from semdim.results.read import ProbeResults

SERIES = {"": ("as it is", MODEL_COLOURS[1]), "adjusted_": ("adjusted", INK)}


@house_style
def errors_by_k(probes: list[ProbeResults]) -> Figure:
    """A panel per outcome that was measured: mean per bin of k, with intervals."""
    drawable = [probe for probe in probes if len(probe.table("errors_by_k"))]
    figure, axes = panels(len(drawable), 2, height=2.8)
    handles: list = []
    for row, probe in zip(axes, drawable, strict=True):
        table = probe.table("errors_by_k")
        for panel, outcome in zip(row, (TOP1, "nll"), strict=True):
            panel.set_title(probe.name if outcome == TOP1 else "")
            if table[outcome].isna().all():
                panel.set_axis_off()
                continue
            handles = []
            for prefix, (_, colour) in SERIES.items():
                mean, low, high = (
                    table[f"{prefix}{outcome}{end}"].to_numpy(dtype=float)
                    for end in ("", "_low", "_high")
                )
                below, above = np.maximum(mean - low, 0), np.maximum(high - mean, 0)
                handles.append(
                    panel.errorbar(
                        table["mean_k"], mean, yerr=[below, above], marker="o", capsize=2,
                        color=colour,
                    )
                )  # fmt: skip
            count_axis(panel, "active atoms (mean of the bin)")
            panel.set_ylabel(OUTCOMES[outcome])
    legend_below(figure, handles, [words for words, _ in SERIES.values()], 2)
    return figure


add_figure(
    FigureSpec(
        name="errors_by_k",
        title="Errors by k, before and after adjustment for what is known without it",
        section="errors",
        position=30,
        caption=(
            "Each point is a bin with about the same number of tokens, with an interval over "
            "resampled documents. Adjusted: the part of the outcome that position, token "
            "frequency and the entropy of the prediction do not explain, plus its overall mean. "
            "If k knew more than they do, the adjusted line would rise or fall."
        ),
        draw=errors_by_k,
        has=lambda probe: len(probe.table("errors_by_k")) > 1,
        how="the stage measure_errors, which writes errors_by_k.csv",
    )
)
