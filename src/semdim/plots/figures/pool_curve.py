"""The certificate against the size of a pool of atoms."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import family_style
from semdim.plots.selections.pool_rows import pool_rows
from semdim.plots.style import BASELINE, INK, atoms_axis, house_style, legend_below, panels
from semdim.results.read import ProbeResults


@house_style
def pool_curve(probes: list[ProbeResults]) -> Figure:
    """Risk (dashed) and penalty (dotted) against the pool's size P, and their sum, per family."""
    drawable = [(probe, pool_rows(probe)) for probe in probes]
    drawable = [(probe, rows) for probe, rows in drawable if len(rows)]
    figure, axes = panels(len(drawable), height=3.3)
    seen: list[str] = []
    for row, (probe, rows) in zip(axes, drawable, strict=True):
        panel = row[0]
        for pool, part in rows.groupby("pool", sort=False):
            colour = family_style(str(pool)).colour
            seen += [str(pool)] if pool not in seen else []
            panel.plot(part["pool_size"], part["total"], "-o", color=colour)
            panel.plot(part["pool_size"], part["measured"], "--", color=colour, linewidth=1.3)
            panel.plot(part["pool_size"], part["penalty"], ":", color=colour, linewidth=1.6)
        if probe.baseline is not None:
            panel.axhline(probe.baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)
        top = max(float(rows["total"].max()), probe.baseline or 0.0)
        panel.set_ylim(0.0, 1.08 * min(top, 2.0 * (probe.baseline or top)))
        atoms_axis(panel, rows["pool_size"], "P: atoms in the pool (log scale)")
        panel.set_ylabel("bits per token")
        panel.set_title(probe.name)
    handles: list = [Line2D([], [], color=family_style(name).colour, marker="o") for name in seen]
    handles += [Line2D([], [], color=INK, linestyle=style) for style in ("--", ":")]
    handles += [Line2D([], [], color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.4)]
    words = [family_style(name).label for name in seen]
    words += ["measured part: risk and |gap|", "penalty part", "log₂V: random guess"]
    legend_below(figure, handles, words, 2)
    return figure


add_figure(
    FigureSpec(
        name="pool_curve",
        title="Risk and penalty by size of the atom pool",
        section="selection",
        position=60,
        caption="Dashed: the measured part. Dotted: the penalty. Solid: their sum.",
        draw=pool_curve,
        has=lambda probe: len(pool_rows(probe)) > 0,
        how="sizes in the setting bound.pool_sizes, with the proxies pool_<P> in grid.pool",
    )
)
