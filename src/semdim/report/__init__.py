"""One self-contained page that tells the story of the results."""

from collections.abc import Sequence
from pathlib import Path


def write_report(results_dir: Path, out: Path, only: Sequence[str] | None = None) -> Path:
    """Write the page to `out` and return it; see `semdim.report.build.write_report`."""
    from semdim.report.build import write_report as write

    return write(results_dir, out, only)
