"""False alarms cell by cell: one threshold for all tokens, and one for each cell."""

import numpy as np
from matplotlib.figure import Figure

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.style import BASELINE, MODEL_COLOURS, house_style, legend_below, panels
from semdim.results.read import ProbeResults

SERIES = {"rate_common": "one threshold for all tokens", "rate_own": "one for each cell"}


@house_style
def mondrian(probes: list[ProbeResults]) -> Figure:
    """A panel per corpus, the in-distribution one first: share of alarms in each cell."""
    drawable = [probe for probe in probes if len(probe.table("mondrian"))]
    width = max(probe.table("mondrian")["corpus"].nunique() for probe in drawable)
    figure, axes = panels(len(drawable), width, height=2.6)
    handles: list = []
    for row, probe in zip(axes, drawable, strict=True):
        table = probe.table("mondrian")
        corpora = list(dict.fromkeys(table["corpus"]))
        for panel in row[len(corpora) :]:
            panel.set_axis_off()
        for panel, corpus in zip(row, corpora, strict=False):
            part = table[(table["corpus"] == corpus) & (table["position_bin"] > 0)]
            place = np.arange(len(part))
            handles = [
                panel.bar(place + 0.4 * offset, part[name], 0.38, color=MODEL_COLOURS[offset])
                for offset, name in enumerate(SERIES)
            ]
            if probe.errors is not None:
                handles.append(
                    panel.axhline(
                        probe.errors.false_alarm_rate, color=BASELINE, linestyle=(0, (6, 3))
                    )
                )
            cells = zip(part["position_bin"], part["frequency_bin"], strict=True)
            labels = [f"{int(position)}·{int(token)}" for position, token in cells]
            panel.set_xticks(place + 0.2, labels, fontsize=6.5)
            panel.set_xlabel("position bin · frequency bin")
            panel.set_ylabel("share of alarms")
            panel.set_title(f"{probe.name if corpus == corpora[0] else ''}\n{corpus}")
    legend_below(figure, handles, [*SERIES.values(), "promised"][: len(handles)], 3)
    return figure


add_figure(
    FigureSpec(
        name="mondrian",
        title="A guardrail with the same promise in every cell",
        section="errors",
        position=50,
        caption=(
            "Share of tokens with k above the threshold, mean over documents. Position bins run "
            "from the start of a text, frequency bins from common tokens to rare ones. With a "
            "threshold for each cell, a random token of the cell from a fresh document raises the "
            "alarm at most at the promised rate, on average over calibrations."
        ),
        draw=mondrian,
        has=lambda probe: len(probe.table("mondrian")) > 0,
        how="the stage measure_errors, which writes mondrian.csv",
    )
)
