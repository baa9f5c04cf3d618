"""What the variance of k consists of."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import BASELINE, MODEL_COLOURS, house_style, legend_below, panels
from semdim.results.read import ProbeResults

OF = ("n_active", "log2(1 + n_active)")


def percent(share: float) -> str:
    """A share in whole percent, with a minus sign that is one, and none before 0."""
    rounded = round(100 * share)
    return f"{'−' if rounded < 0 else ''}{abs(rounded)} %"


@house_style
def k_variance(probes: list[ProbeResults]) -> Figure:
    """Bars of the adjusted share that each set of factors explains, for k and its logarithm."""
    drawable = [probe for probe in probes if probe.errors is not None and probe.errors.variance]
    figure, axes = panels(len(drawable), height=2.7)
    handles: list = []
    for row, probe in zip(axes, drawable, strict=True):
        assert probe.errors is not None
        panel, shares = row[0], probe.errors.variance
        names = list(dict.fromkeys(" + ".join(share.factors) for share in shares))
        handles = []
        for offset, (of, colour) in enumerate(zip(OF, MODEL_COLOURS, strict=False)):
            found = {" + ".join(s.factors): s.adjusted for s in shares if s.of == of}
            values = [found.get(name, np.nan) for name in names]
            bars = panel.bar(np.arange(len(names)) + 0.38 * offset, values, 0.36, color=colour)
            handles.append(bars)
            panel.bar_label(bars, [percent(value) for value in values], fontsize=7)
        panel.set_xticks(
            np.arange(len(names)) + 0.19, [name.replace(" + ", "\n+ ") for name in names]
        )
        panel.axhline(0.0, color=BASELINE, linewidth=0.8)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
        panel.set_ylabel("adjusted share of variance")
        panel.set_title(probe.name)
        panel.margins(y=0.15)
    legend_below(figure, handles, ["k", "log₂(1 + k)"], 2)
    return figure


add_figure(
    FigureSpec(
        name="k_variance",
        title="What explains the variance of k",
        section="errors",
        position=45,
        caption=(
            "Share of the variance of k over tokens that position, token and document explain, "
            "adjusted for their number of levels. Factors that explain nothing have 0 on average; "
            "a share below 0 means that they fit worse than chance. Most of the variance of k "
            "itself may come from a few massive activations, which thousands of tokens fit badly; "
            "the logarithm describes all the others."
        ),
        draw=k_variance,
        has=lambda probe: probe.errors is not None and bool(probe.errors.variance),
        how="the stage measure_errors, which writes errors.json",
    )
)
