"""C_c and C of Assumption 1, as the sample shows them."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

QUANTITIES = {
    "code_radius": "C_c: ‖c‖",
    "reconstruction_radius": "C: ‖S(h)‖",
}
PLACES = {
    "all": "every position",
    "without_bos": "position 0 left out",
    "without_outliers": "norm outliers left out, too",
}
SHOWN = ("q50", "q95", "q99", "max")


def radii_table(probes: list[ProbeResults]) -> Table:
    """A row per probe, corpus, norm and choice of positions: quantiles and the largest value. The
    CSV file holds ‖h‖ as well."""
    parts, rows = [], []
    for probe in probes:
        table = probe.table("radii")
        for corpus in probe.corpora:
            part = table[table["corpus"] == corpus]
            parts.append(part.assign(probe=probe.name))
            for _, row in part[part["quantity"].isin(QUANTITIES)].iterrows():
                cells = [number(row[name], 1) for name in SHOWN]
                quantity, place = str(row["quantity"]), str(row["positions"])
                words = (QUANTITIES[quantity], PLACES.get(place, place))
                rows.append([probe.name, corpus, *words, number(row["n_tokens"], 0), *cells])
    columns = ["probe", "corpus", "quantity", "positions", "n_tokens", *SHOWN]
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "radii",
        "The radii of Assumption 1, as observed",
        ["probe", "corpus", "norm", "positions", "tokens", "median", "95 %", "99 %", "max"],
        rows,
        data[columns] if len(data) else pd.DataFrame(columns=pd.Index(columns)),
        note=(
            "The atoms have unit norm. A radius is a maximum, so a single massive activation sets "
            "it; norm outliers are tokens whose ‖h‖ exceeds ten medians."
        ),
    )


add_table(
    TableSpec(name="radii", section="sparsity", position=34, make=radii_table, is_folded=True)
)
