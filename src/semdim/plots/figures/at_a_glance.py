"""Three questions about a probe, answered in one picture: what the published bound says beside what
is certified, how far the SAE changes the loss, and what k detects."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semdim.plots.catalogue import FigureSpec, add_figure
from semdim.plots.families import main_certificate, main_rows, published
from semdim.plots.selections.score_rows import main_level
from semdim.plots.style import BASELINE, INK, MUTED, count_axis, house_style
from semdim.results.read import ProbeResults

SIZE = (10.0, 3.3)
PUBLISHED, CERTIFIED, GAP = "#222222", "#228833", "#EE8866"
CHANGES = {
    "faithfulness": "mean loss\nof a text",
    "faithfulness_tokens": "loss of\na token",
}
SCORES = {
    "n_active": "k (the paper)",
    "unexplained_share": "unexplained share",
    "entropy": "entropy",
    "unigram_nll": "token frequency",
}


def _label(axes: Axes, text: str, point: tuple[float, float], offset: tuple[int, int]) -> None:
    axes.annotate(text, point, xytext=offset, textcoords="offset points", fontsize=8.5, color=INK)


def _bounds(axes: Axes, probe: ProbeResults) -> None:
    claimed, certified = published(probe), main_certificate(probe)
    assert claimed is not None and certified is not None
    baseline = float(claimed.last["baseline"])
    for curve, colour in ((claimed, PUBLISHED), (certified, CERTIFIED)):
        axes.plot(
            curve.points["n_tokens"].to_numpy(dtype=float),
            curve.points["total"].to_numpy(dtype=float),
            color=colour,
            marker="o",
        )
    axes.axhline(baseline, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2)
    last = float(claimed.points["n_tokens"].max())
    first = float(min(c.points["n_tokens"].min() for c in (claimed, certified)))
    axes.set_xlim(first, 1.05 * last)
    axes.set_ylim(0.0, 2.0 * baseline)
    count_axis(axes, "tokens in the sample (log scale)")
    axes.set_ylabel("bits per token")
    axes.text(first * 1.1, baseline + 0.4, f"a random guess: {baseline:.1f}", fontsize=8.5)
    where = {"ha": "right", "fontsize": 8.5}
    axes.text(
        last,
        min(1.8 * baseline, float(claimed.last["total"]) + 0.62 * baseline),
        f"as published: {float(claimed.last['total']):.1f}\n(not a certificate)",
        color=PUBLISHED,
        **where,  # type: ignore[arg-type]
    )
    axes.text(
        last,
        float(certified.last["total"]) - 0.3 * baseline,
        f"certified: {float(certified.last['total']):.2f}\n"
        f"measured: {float(certified.last['proxy_risk']):.2f}",
        color=CERTIFIED,
        **where,  # type: ignore[arg-type]
    )
    axes.set_title("How large is the model’s loss?")


def changes(probe: ProbeResults) -> pd.DataFrame:
    """The certificates of the SAE's own change at the largest N, by family."""
    rows = main_rows(probe)
    rows = rows[rows["family"].isin(list(CHANGES)) & (rows["proxy"] == "sae")]
    rows = rows[rows["n_tokens_asked"] == rows["n_tokens_asked"].max()]
    return rows.drop_duplicates("family").set_index("family")


def _change(axes: Axes, probe: ProbeResults) -> None:
    rows = changes(probe)
    names = [name for name in CHANGES if name in rows.index]
    gaps, totals = rows["gap"].astype(float).to_dict(), rows["total"].astype(float).to_dict()
    for place, name in enumerate(reversed(names)):
        gap, total = gaps[name], totals[name]
        axes.hlines(place, gap, total, color=GAP, linewidth=5, alpha=0.55)
        axes.plot([gap], [place], "o", color=GAP, markersize=7)
        axes.plot([total], [place], "|", color=INK, markersize=14, mew=2.2)
        _label(axes, f"measured {gap:.2f}", (gap, float(place)), (-6, 10))
        _label(axes, f"≤ {total:.2f} certified", (total, float(place)), (-28, -20))
    axes.set_yticks(range(len(names)), [CHANGES[name] for name in reversed(names)])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0.0, 1.35 * max(totals.values()))
    axes.set_xlabel("mean |change|, bits per token")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_title("How far does the SAE change it?")


def _detection(axes: Axes, probe: ProbeResults) -> None:
    table = probe.table("uncertainty")
    cells = table[table["level"] == main_level(probe)].set_index(["score", "shift"])["auroc"]
    names = [name for name in SCORES if name in cells.index.get_level_values("score")]
    shifts = list(dict.fromkeys(table["shift"]))[:2]
    for shift, marker, fill in zip(shifts, ("o", "D"), (None, "none"), strict=False):
        for place, name in enumerate(reversed(names)):
            if (name, shift) in cells.index:
                colour = PUBLISHED if name == "n_active" else MUTED
                value = float(cells[name, shift])
                axes.plot([value], [place], marker, color=colour, mfc=fill or colour, markersize=7)
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=MUTED, mfc=fill or MUTED, ms=7)
        for marker, fill in zip(("o", "D"), (None, "none"), strict=True)
    ]
    axes.legend(handles[: len(shifts)], shifts, loc="lower left", handletextpad=0.3)
    axes.axvline(0.5, color=BASELINE, linestyle=(0, (6, 3)), linewidth=1.2)
    axes.text(0.48, len(names) - 0.62, "chance", fontsize=8.5, color=BASELINE, ha="right")
    axes.set_yticks(range(len(names)), [SCORES[name] for name in reversed(names)])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(0.0, 1.04)
    axes.set_xlabel("AUROC against the sample’s text")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_title("Does k notice other text?")


def _complete(probe: ProbeResults) -> bool:
    return (
        published(probe) is not None
        and main_certificate(probe) is not None
        and len(changes(probe)) > 0
        and "uncertainty" in probe.tables
        and "n_active" in set(probe.table("uncertainty")["score"])
    )


@house_style
def at_a_glance(probes: list[ProbeResults]) -> Figure:
    """Three panels for the first probe that has the results of all three."""
    probe = next(probe for probe in probes if _complete(probe))
    figure = Figure(figsize=SIZE, layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(1.15, 1.0, 1.0))
    for axes, draw in zip(panels, (_bounds, _change, _detection), strict=True):
        draw(axes, probe)
    return figure


add_figure(
    FigureSpec(
        name="at_a_glance",
        title="At a glance",
        section="verdict",
        position=10,
        caption=(
            "Left: the paper’s bound and the certificate of the model’s own loss (smoothed, mean "
            "over documents) against the sample size. Middle: how far replacing the activation by "
            "the SAE’s reconstruction changes the loss, measured and certified. Right: how well "
            "each score tells other text from the sample’s; k and the unexplained share need the "
            "SAE, the other two do not."
        ),
        draw=at_a_glance,
        has=_complete,
        how="the stage assemble_bound and the stage measure_uncertainty",
    )
)
