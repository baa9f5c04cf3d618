"""One self-contained page that tells the story of the results."""

from pathlib import Path


def write_report(results_dir: Path, out: Path) -> Path:
    """Write the page to `out` and return it; see `semdim.report.build.write_report`."""
    from semdim.report.build import write_report as write

    return write(results_dir, out)
