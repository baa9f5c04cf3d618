"""Everything that the stage `plot` writes."""

from collections.abc import Sequence
from pathlib import Path

from semdim.plots.catalogue import figures, made_tables
from semdim.plots.style import save
from semdim.progress import progress
from semdim.results.read import read_results


def draw_all(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> list[Path]:
    """Draw the figures and write the tables of all probes.

    results_dir: holds a folder per probe (or a folder `probes` with them).
    only: names of the probes to draw; None: every probe that has results.
    out: figures go to `out`/figures (png, svg), tables to `out`/tables (csv, md).

    Returns the paths written, in order. Figures whose input is absent are not drawn; the report
    says which and what computes them. Raises ArtifactError when there are no results, or damaged
    ones.
    """
    probes = read_results(Path(results_dir), only)
    paths: list[Path] = []
    drawable = [spec for spec in figures() if spec.can_draw(probes)]
    for spec in progress(drawable, total=len(drawable), unit="figures", desc="plot"):
        paths += save(spec.draw(probes), Path(out) / "figures", spec.name)
    for table in made_tables(probes).values():
        paths += table.write(Path(out) / "tables")
    return paths
