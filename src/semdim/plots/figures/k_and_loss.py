"""The loss of the next token by bins of k, and what the paper's per-input reading predicts."""

import numpy as np
from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import BASELINE, INK, MODEL_COLOURS, house_style, legend_below, panels
from semdim.results.read import ProbeResults


@house_style
def k_and_loss(probes: list[ProbeResults]) -> Figure:
    """Mean loss per bin of a token's k, with intervals, under the published bound at that k."""
    drawable = [probe for probe in probes if probe.k_and_loss is not None]
    figure, axes = panels(len(drawable), height=3.0)
    lines: list = []
    for row, probe in zip(axes, drawable, strict=True):
        panel = row[0]
        assert probe.k_and_loss is not None
        bins = probe.k_and_loss.bins
        k = np.array([entry.mean_k for entry in bins])
        nll = np.array([entry.nll for entry in bins])
        ends = [(entry.low, entry.high) for entry in bins]
        low, high = np.array(ends, dtype=float).T
        measured = panel.errorbar(
            k, nll, yerr=[nll - low, high - nll], marker="o", capsize=3,
            color=MODEL_COLOURS[0],
        )  # fmt: skip
        predicted = [np.nan if entry.per_input is None else entry.per_input for entry in bins]
        (claim,) = panel.plot(k, predicted, marker="s", linestyle="--", color=INK)
        lines = [measured, claim]
        panel.set_xscale("log")
        panel.set_xticks(k, [f"{value:.0f}" for value in k])
        panel.minorticks_off()
        panel.set_xlabel("active atoms at the token (mean of the bin, log scale)")
        panel.set_ylabel("bits per token")
        panel.set_title(probe.name)
        if probe.baseline is not None:
            lines.append(panel.axhline(probe.baseline, color=BASELINE, linestyle=(0, (6, 3))))
        panel.set_ylim(bottom=0.0)
    labels = ["measured loss of the next token", "published bound at this k (no certificate)"]
    legend_below(figure, lines, [*labels, "log₂V: random guess"][: len(lines)], 2)
    return figure


add_figure(
    FigureSpec(
        name="k_and_loss",
        title="The loss of the next token, by the number of active atoms",
        section="dynamic",
        position=20,
        caption=(
            "Each point is a tenth of the tokens of the in-distribution sample, with an interval "
            "over resampled documents; losses are not smoothed. The dashed line is what the "
            "paper’s per-input reading predicts: its bound with the input’s k in place of the "
            "mean."
        ),
        draw=k_and_loss,
        has=lambda probe: probe.k_and_loss is not None,
        how="the stage assemble_bound, which writes k_and_loss.json",
    )
)
