"""AUROC of every score against every shift."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.score_rows import (
    LEVELS,
    auroc_matrix,
    column_pairs,
    score_words,
    uses_labels,
)
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults


def auroc_tables(probes: list[ProbeResults]) -> Table:
    """AUROC of every score; the best of each column that needs no label in bold."""
    rows: list[list[str]] = []
    bold: set[tuple[int, int]] = set()
    parts, header = [], ["probe", "score"]
    for probe in probes:
        table = probe.table("uncertainty")
        if table.empty:
            continue
        parts.append(table.assign(probe=probe.name))
        matrix = auroc_matrix(probe)
        pairs = column_pairs(matrix)
        words = [f"{shift}, {LEVELS[level]}" for level, shift in pairs]
        header += [word for word in words if word not in header]
        free = [score for score in matrix.index if not uses_labels(probe, str(score))]
        best = matrix.loc[free].max()
        for score in matrix.index:
            cells = {}
            for pair, word in zip(pairs, words, strict=True):
                value = matrix.at[score, pair]
                cells[word] = number(value, 3)
                if score in free and value == best[pair]:
                    bold.add((len(rows), header.index(word)))
            label = score_words(str(score))
            label += " (needs the label)" if uses_labels(probe, str(score)) else ""
            rows.append([probe.name, label, *(cells.get(word, "") for word in header[2:])])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    first = [c for c in ("probe",) if c in data.columns]
    return Table(
        "uncertainty_auroc",
        "AUROC of every score (higher score = taken for unfamiliar; 0.5 = a coin toss)",
        header,
        [row + [""] * (len(header) - len(row)) for row in rows],
        data[first + [c for c in data.columns if c not in first]],
        frozenset(bold),
        "Bold: the best of its column among the scores that do without the true next token.",
    )


add_table(TableSpec(name="uncertainty_auroc", section="ood", position=90, make=auroc_tables))
