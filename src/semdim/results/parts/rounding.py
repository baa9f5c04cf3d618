"""k in two dtypes, for docs/ood.md."""

from semdim.plots.tables.rounding import rounding_table
from semdim.results.pages import Repository, part, table
from semdim.results.parts.ood import the_probe


@part("ood_rounding")
def rounding(repository: Repository) -> str:
    """The report's table, without the probe's name."""
    found = rounding_table([the_probe(repository)])
    return table(found.header[1:], [row[1:] for row in found.rows])
