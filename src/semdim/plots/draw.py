"""Everything that the stage `plot` writes."""

import json
from collections.abc import Sequence
from pathlib import Path

from semdim.artifacts.shards import write_json
from semdim.errors import ArtifactError
from semdim.failures import attempt
from semdim.plots.catalogue import FigureSpec, figures, made_tables
from semdim.plots.style import save
from semdim.progress import progress
from semdim.results.read import ProbeResults, read_results

LEFT_OUT = "left_out.json"


def draw_all(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> list[Path]:
    """Draw the figures and write the tables of all probes.

    results_dir: holds a folder per probe (or a folder `probes` with them).
    only: names of the probes to draw; None: every probe that has results.
    out: figures go to `out`/figures (png, svg), tables to `out`/tables (csv, md).

    Returns the paths written, in order. Figures whose input is absent are not drawn; the report
    says which and what computes them. A figure or table that fails takes no other with it: why it
    is not there stands in `out`/figures/left_out.json, which exists for nothing else. Raises
    ArtifactError when there are no results, or damaged ones.
    """
    probes = read_results(Path(results_dir), only)
    folder = Path(out) / "figures"
    paths: list[Path] = []
    left_out: dict[str, str] = {}
    every = figures()
    for spec in progress(every, total=len(every), unit="figures", desc="plot"):
        written, reason = attempt(_draw, spec, probes, folder)
        if written is None:
            left_out[spec.name] = reason
            for name in spec.drawings:
                for ending in ("png", "svg"):
                    (folder / f"{name}.{ending}").unlink(missing_ok=True)
        else:
            paths += written
    for table in made_tables(probes, left_out).values():
        paths += table.write(Path(out) / "tables")
    (folder / LEFT_OUT).unlink(missing_ok=True)
    if left_out:
        write_json(folder / LEFT_OUT, left_out)
        paths.append(folder / LEFT_OUT)
    return paths


def _draw(spec: FigureSpec, probes: list[ProbeResults], folder: Path) -> list[Path]:
    if not spec.can_draw(probes):
        return []
    return [
        path for name, draw in spec.drawings.items() for path in save(draw(probes), folder, name)
    ]


def left_out_of(folder: Path) -> dict[str, str]:
    """Why figures are not in their folder, by name; raises ArtifactError for a damaged record."""
    path = folder / LEFT_OUT
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read ({error}); run the stage plot.") from error
    return {str(name): str(reason) for name, reason in found.items()}
