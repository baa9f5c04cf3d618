"""n_active as a warning sign at every level: what outlier tokens do to a mean and a maximum."""

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.score_rows import CHOSEN, chosen_level, levels
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

SCORE = "n_active"


def levels_of_k(probes: list[ProbeResults]) -> Table:
    """AUROC of n_active against each shift, a row per level; the chosen level in bold."""
    header = ["probe", "level", "reliability on familiar text"]
    rows: list[list[str]] = []
    bold: set[tuple[int, int]] = set()
    parts = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[(table["score"] == SCORE) & (table["level"] != CHOSEN)]
        if table.empty:
            continue
        parts.append(table.assign(probe=probe.name))
        header += [shift for shift in dict.fromkeys(table["shift"]) if shift not in header]
        known = (probe.verdict.get("level_choice") or {}).get(SCORE) or {}
        for level, words in levels().items():
            here = table[table["level"] == level].set_index("shift")
            if here.empty:
                continue
            if level == chosen_level(probe, SCORE):
                bold.add((len(rows), 1))
            cells = {str(shift): _cell(row) for shift, row in here.iterrows()}
            reliability = (known.get("reliability") or {}).get(level)
            told = "" if reliability is None else number(reliability, 2)
            rows.append([probe.name, words, told, *(cells.get(name, "") for name in header[3:])])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "levels_of_k",
        "AUROC of n_active, by the statistic that summarises a sequence",
        header,
        [row + [""] * (len(header) - len(row)) for row in rows],
        data[["probe", *(c for c in data.columns if c != "probe")]] if len(data) else data,
        frozenset(bold),
        "Intervals over resampled documents are in brackets. Reliability: rank correlation "
        "between the odd and the even tokens of a familiar sequence. k is compared with the other "
        "scores at the level with the highest reliability (bold).",
    )


def _cell(row: "pd.Series[float]") -> str:
    if pd.isna(row["auroc_low"]) or pd.isna(row["auroc_high"]):
        return number(row["auroc"], 3)
    return f"{row['auroc']:.3f} ({row['auroc_low']:.3f}–{row['auroc_high']:.3f})"


add_table(TableSpec(name="levels_of_k", section="ood", position=45, make=levels_of_k))
