"""Figures and tables, drawn from the small files under results/ alone; no tensor is ever read."""

from collections.abc import Sequence
from pathlib import Path


def draw_all(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> list[Path]:
    """Draw every figure and table that the results allow into `out`/figures and `out`/tables.

    See `semdim.plots.draw.draw_all`; matplotlib and pandas are loaded by this call only.
    """
    from semdim.plots.draw import draw_all as draw

    return draw(results_dir, out, only)
