"""The risk, bin by bin of the number of active atoms."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.selections.bin_rows import bin_label, sparsity_bins
from semdim.plots.style import BASELINE, INK, TERM_COLOURS, house_style, legend_below, panels
from semdim.results.read import ProbeResults


@house_style
def risk_by_sparsity(probes: list[ProbeResults]) -> Figure:
    """Bars of the mean risk per bin of a unit's mean k, with the certified upper end of each."""
    drawable = [probe for probe in probes if len(sparsity_bins(probe))]
    figure, axes = panels(len(drawable), height=3.0)
    for row, probe in zip(axes, drawable, strict=True):
        panel, bins = row[0], sparsity_bins(probe)
        place = np.arange(len(bins))
        risk = bins["proxy_risk"].to_numpy(dtype=float)
        total = bins["total"].to_numpy(dtype=float)
        panel.bar(place, risk, width=0.62, color=TERM_COLOURS["proxy_risk"])
        panel.vlines(place, risk, total, color=INK, linewidth=1.4)
        panel.plot(place, total, linestyle="none", marker="_", markersize=16, color=INK, mew=2.0)
        for x, mean, upper in zip(place, risk, total, strict=True):
            panel.annotate(
                f"{upper:.2f}", (x, upper), xytext=(0, 4), textcoords="offset points", ha="center"
            )
            if not np.isfinite(mean):  # too few units: the bound is the loss ceiling
                continue
            panel.annotate(
                f"{mean:.2f}", (x, mean), xytext=(0, -12), textcoords="offset points", ha="center"
            )
        labels = [
            f"{bin_label(left, right)}\n{int(units)} {unit}s"
            for left, right, units, unit in zip(
                bins["left"], bins["right"], bins["n_units"].fillna(0), bins["unit"], strict=True
            )
        ]
        panel.set_xticks(place, labels)
        unit = str(bins["unit"].iloc[0])
        statistic = str(bins["k_statistic"].iloc[0]) or "mean"
        panel.set_xlabel(f"{statistic} n_active of the {unit} (bins fixed on other documents)")
        panel.set_ylabel("bits per token")
        panel.set_title(probe.name)
        top = max(total.max(), 0.0)
        if probe.baseline is not None:
            panel.axhline(probe.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
            top = max(top, probe.baseline)
        panel.set_ylim(0.0, 1.14 * top)
    handles: list = [
        Patch(color=TERM_COLOURS["proxy_risk"]),
        Line2D([], [], color=INK, marker="_", markersize=12, mew=2.0),
        Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4),
    ]
    legend_below(
        figure,
        handles,
        ["mean in the sample", "certified upper end of that mean", "log₂V: random guess"],
        3,
    )
    return figure


add_figure(
    FigureSpec(
        name="risk_by_sparsity",
        title="The model’s risk, by how sparse the text’s codes are",
        section="dynamic",
        position=10,
        caption=(
            "Bars are the mean loss of the units in the bin (documents, unless the setting "
            "bound.unit says otherwise). The cap is the certified upper end of the same mean."
        ),
        draw=risk_by_sparsity,
        has=lambda probe: len(sparsity_bins(probe)) > 0,
        how="the setting bound.sparsity_bins, with bound.unit document or sequence",
    )
)
