"""Every score against the model's own errors."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.error_rows import OUTCOMES, best_direction, error_words
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

HEADER = [
    "probe", "outcome", "score", "AUROC", "within documents", "AURC", "E-AURC", "rank correlation",
    "within documents ", "partial", "Holm p",
]  # fmt: skip


def error_scores(probes: list[ProbeResults]) -> Table:
    """A row per outcome and score, read as the documents of the fit say."""
    rows, parts = [], []
    for probe in probes:
        table = probe.table("errors")
        for outcome, mine in table.groupby("outcome", sort=False):
            parts.append(mine.assign(probe=probe.name))
            expected = mine[mine["direction"] == "expected"].set_index("score")
            for entry in best_direction(mine).to_dict("records"):
                name = str(entry["score"])
                is_tested = name in expected.index and name != "oracle"
                p = expected["partial_p_holm"][name] if is_tested else None
                rows.append(
                    [
                        probe.name,
                        OUTCOMES.get(str(outcome), str(outcome)),
                        error_words(name, str(entry["direction"])),
                        _cell(entry, "auroc"),
                        number(entry["auroc_within"], 3),
                        number(entry["aurc"], 3),
                        number(entry["e_aurc"], 3),
                        _cell(entry, "spearman"),
                        number(entry["spearman_within"], 3),
                        _cell(entry, "partial") if is_tested else "",
                        number(p, 3) if is_tested else "",
                    ]
                )
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "error_scores",
        "Label-free scores compared with the model’s own next-token errors",
        HEADER,
        rows,
        data[["probe", *(c for c in data.columns if c != "probe")]] if len(data) else data,
        frozenset(),
        "A minus sign marks a score that was reversed, because the fit documents show that a "
        "higher value means fewer errors. Partial: rank correlation given position, token "
        "frequency and entropy; its p-value is Holm-adjusted over the scores of an outcome. "
        "Intervals over resampled documents are in brackets.",
    )


def _cell(entry: dict, name: str) -> str:
    value, low, high = (entry[f"{name}{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return ""
    if pd.isna(low) or pd.isna(high):
        return number(value, 3)
    return f"{number(value, 3)} ({number(low, 3)} to {number(high, 3)})"


add_table(TableSpec(name="error_scores", section="errors", position=18, make=error_scores))
