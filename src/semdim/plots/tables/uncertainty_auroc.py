"""AUROC of every score against every shift."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.score_rows import (
    chosen_level,
    levels,
    main_level,
    score_words,
    uses_labels,
)
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def auroc_tables(probes: list[ProbeResults]) -> Table:
    """AUROC of every score, one-sided and two-sided, at the level chosen for it; the best of each
    column that needs no label in bold. The data behind it hold every level."""
    rows: list[list[str]] = []
    bold: set[tuple[int, int]] = set()
    parts, header = [], ["probe", "score", "level"]
    words = levels()
    for probe in probes:
        table = probe.table("uncertainty")
        if table.empty:
            continue
        parts.append(table.assign(probe=probe.name))
        here = table[table["level"] == main_level(probe)]
        matrix = here.pivot_table(index="score", columns="shift", values="auroc")
        matrix = matrix.reindex(index=list(dict.fromkeys(here["score"])))
        header += [shift for shift in dict.fromkeys(here["shift"]) if shift not in header]
        free = [score for score in matrix.index if not uses_labels(probe, str(score))]
        best = matrix.loc[free].max()
        for score in matrix.index:
            cells = {str(shift): number(matrix.at[score, shift], 3) for shift in matrix.columns}
            for shift in matrix.columns:
                if score in free and matrix.at[score, shift] == best[shift]:
                    bold.add((len(rows), header.index(str(shift))))
            label = score_words(str(score))
            label += " (needs the label)" if uses_labels(probe, str(score)) else ""
            level = chosen_level(probe, str(score))
            level = words.get(level, level)
            rows.append([probe.name, label, level, *(cells.get(name, "") for name in header[3:])])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    first = [c for c in ("probe",) if c in data.columns]
    return Table(
        "uncertainty_auroc",
        "AUROC of every score (higher score = considered unfamiliar; 0.5 = a coin toss)",
        header,
        [row + [""] * (len(header) - len(row)) for row in rows],
        data[first + [c for c in data.columns if c not in first]],
        frozenset(bold),
        "Bold: the best in its column among the scores that do without the true next token. The "
        "level of each score was chosen on in-distribution documents that no AUROC counts.",
    )


add_table(
    TableSpec(
        name="uncertainty_auroc", section="ood", position=90, make=auroc_tables, is_folded=True
    )
)
