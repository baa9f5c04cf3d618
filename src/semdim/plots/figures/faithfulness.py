"""How much the model changes when its activation is replaced, with a certified end."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import METHODS
from semdim.plots.selections.proxy_rows import (
    default_splice,
    faithfulness_rows,
    proxy_words,
)
from semdim.plots.style import (
    INK,
    TERM_COLOURS,
    house_style,
    legend_below,
    panels,
)
from semdim.results.read import ProbeResults


@house_style
def faithfulness(probes: list[ProbeResults]) -> Figure:
    """Mean |gap| per proxy with its certified upper end."""
    drawable = [(probe, faithfulness_rows(probe)) for probe in probes]
    drawable = [(probe, rows) for probe, rows in drawable if len(rows)]
    longest = max(len(rows) for _, rows in drawable)
    end = max(float(rows["total"].max()) for _, rows in drawable)  # one scale for all probes
    figure, axes = panels(len(drawable), height=1.1 + 0.34 * longest)
    for row, (probe, rows) in zip(axes, drawable, strict=True):
        panel = row[0]
        place = np.arange(len(rows))[::-1]
        mean, upper = rows["gap"].to_numpy(dtype=float), rows["total"].to_numpy(dtype=float)
        panel.hlines(place, mean, upper, color=TERM_COLOURS["gap"], linewidth=5, alpha=0.55)
        panel.plot(mean, place, "o", color=TERM_COLOURS["gap"], markersize=7)
        panel.plot(upper, place, "|", color=INK, markersize=14, mew=2.2)
        for x, y, measured in zip(upper, place, mean, strict=True):
            panel.annotate(
                f"{measured:.2f}, at most {x:.2f}",
                (x, y),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        default = default_splice(probe)
        panel.set_yticks(
            place,
            [
                proxy_words(name, default, default)
                + (f"\n({METHODS.get(how, how)})" if how else "")
                for name, how in zip(rows["proxy"], rows["method"], strict=True)
            ],
        )
        panel.set_ylim(-0.6, len(rows) - 0.4)
        panel.set_xlim(0.0, 1.4 * end)
        panel.grid(axis="x")
        panel.grid(visible=False, axis="y")
        panel.set_xlabel(
            "|mean loss of a text under the model − through the proxy|, bits per token"
        )
        panel.set_title(probe.name)
    handles: list = [
        Line2D([], [], linestyle="none", marker="o", color=TERM_COLOURS["gap"], markersize=7),
        Line2D([], [], linestyle="none", marker="|", color=INK, markersize=12, mew=2.2),
    ]
    legend_below(figure, handles, ["mean in the sample", "certified upper end"], 2)
    return figure


add_figure(
    FigureSpec(
        name="faithfulness",
        title="How much the autoencoder changes the mean loss of a text",
        section="faithful",
        position=10,
        caption=(
            "The dot is the mean in the sample; the bar ends at the certificate. A text is one "
            "sequence: the losses of its tokens are averaged before the two means are compared."
        ),
        draw=faithfulness,
        has=lambda probe: len(faithfulness_rows(probe)) > 0,
        how="the family faithfulness in the stage assemble_bound, part of every run",
    )
)
