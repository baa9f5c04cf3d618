"""Everything that the stage `plot` writes."""

from collections.abc import Sequence
from pathlib import Path

from semdim.plots.catalogue import FIGURES
from semdim.plots.style import save
from semdim.plots.tables import all_tables
from semdim.progress import progress
from semdim.results.read import read_results


def draw_all(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> list[Path]:
    """Draw the figures and write the tables of all models.

    results_dir: holds a folder per model (or a folder `models` with them).
    only: names of the models to draw; None: every model that has results.
    out: figures go to `out`/figures (png, svg), tables to `out`/tables (csv, md).

    Returns the paths written, in order. Figures whose input is absent are not drawn; the report
    says which and what computes them. Raises ArtifactError when there are no results, or damaged
    ones.
    """
    models = read_results(Path(results_dir), only)
    paths: list[Path] = []
    drawable = [spec for spec in FIGURES if spec.can_draw(models)]
    for spec in progress(drawable, total=len(drawable), unit="figures", desc="plot"):
        paths += save(spec.draw(models), Path(out) / "figures", spec.name)
    for table in all_tables(models):
        paths += table.write(Path(out) / "tables")
    return paths
