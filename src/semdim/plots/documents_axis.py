"""A second axis that counts what a certificate is about: whole documents, not tokens."""

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from semdim.plots.families import main_certificate
from semdim.results.read import ProbeResults

MOST_TICKS = 12
WORDS = "whole documents behind a certificate"


def document_ticks(probe: ProbeResults) -> list[tuple[float, int]]:
    """Where the certificates' sizes stand on the axis of tokens, and how many documents each has;
    none where documents are not the unit."""
    main = main_certificate(probe)
    if main is None or main.unit != "document":
        return []
    points = main.points[["n_tokens", "n_units"]].dropna()
    points = points.drop_duplicates("n_units", keep="last")
    return [(float(n), int(units)) for n, units in points.itertuples(index=False, name=None)]


def documents_axis(
    axes: Axes,
    probe: ProbeResults,
    *,
    words: str = WORDS,
    above: float = 0.0,
    most: int = MOST_TICKS,
    colour: str | None = None,
) -> None:
    """Draw it over an axis of tokens, whose limits must stand; nothing without documents.

    A certificate may rise with N where the documents run out: this axis shows that they do.

    Args:
        axes: whose lower axis counts tokens.
        probe: whose certificate is drawn.
        words: its label.
        above: points between the panel and the axis, where there are several.
        most: ticks at most.
        colour: of ticks and label; None: the usual one.
    """
    low, high = axes.get_xlim()
    ticks = [(at, n) for at, n in document_ticks(probe) if low <= at <= high]
    if not ticks:
        return
    top = axes.secondary_xaxis("top")
    top.set_xscale("log")
    ticks = ticks[:: -(-len(ticks) // most)]
    top.set_xticks([at for at, _ in ticks], [f"{n:,}" for _, n in ticks])
    top.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(which="minor", length=0.0)
    top.set_xlabel(words, fontsize=8.5)
    if above:
        top.spines["top"].set_position(("outward", above))
    if colour is not None:
        top.tick_params(which="major", colors=colour, labelsize=8)
        top.xaxis.label.set_color(colour)
