"""The scores ranked, shift by shift, with AUROC, AUPR and FPR95 and their bootstrap intervals."""

import math

import pandas as pd

from semdim.plots.catalogue import TableSpec, add_table
from semdim.plots.selections.score_rows import (
    chosen_level,
    is_two_sided,
    levels,
    main_level,
    score_words,
    uses_labels,
)
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults

MEASURES = {
    "auroc": ("AUROC", "auroc_low", "auroc_high"),
    "aupr": ("AUPR", "aupr_low", "aupr_high"),
    "fpr_at_95_tpr": ("FPR95", "fpr_low", "fpr_high"),
}
"""Each measure with its heading and its columns of uncertainty.csv."""
KEPT = (
    "score",
    "shift",
    "level",
    *(c for name, (_, *ends) in MEASURES.items() for c in (name, *ends)),
)


def ood_leaderboard(probes: list[ProbeResults]) -> Table:
    """A block of rows for each probe and shift: scores in the direction of their theory, each at
    the level chosen for it, the highest AUROC first. Scores that need the true next token stand
    last and have no rank. Equal AUROC, at three decimals, share a rank."""
    rows: list[list[str]] = []
    parts = []
    for probe in probes:
        table = probe.table("uncertainty")
        table = table[table["level"] == main_level(probe)]
        table = table[~table["score"].map(is_two_sided).astype(bool)]
        for shift, here in table.groupby("shift", sort=False):
            ranked = _ranked(probe, here)
            parts.append(ranked[["rank", *KEPT]].assign(probe=probe.name))
            rows += [_row(probe, str(shift), row) for _, row in ranked.iterrows()]
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Table(
        "ood_leaderboard",
        "Scores ranked by how well they distinguish other text from the sample’s text",
        ["probe", "text", "rank", "score", "level", *(words for words, *_ in MEASURES.values())],
        rows,
        data[["probe", *(c for c in data.columns if c != "probe")]] if len(data) else data,
        note="Brackets hold 95 % bootstrap intervals over resampled documents: ordinary "
        "intervals, not certificates. AUPR depends on the share of unfamiliar items. FPR95 "
        "is the share of familiar items above a threshold that 95 % of the unfamiliar ones "
        "exceed, so smaller is better. Scores with equal AUROC share a rank. Scores that use "
        "the true next token are available only after the fact and have no rank.",
    )


def _ranked(probe: ProbeResults, rows: pd.DataFrame) -> pd.DataFrame:
    shown = rows["auroc"].round(3)
    free = pd.Series([not uses_labels(probe, str(s)) for s in rows["score"]], index=rows.index)
    rank = shown[free].rank(method="min", ascending=False).reindex(rows.index)
    ranked = rows.assign(rank=rank, is_free=free)
    return ranked.sort_values(["is_free", "auroc"], ascending=False, kind="stable")


def _row(probe: ProbeResults, shift: str, row: "pd.Series[float]") -> list[str]:
    score = str(row["score"])
    level = chosen_level(probe, score)
    return [
        probe.name,
        shift,
        "" if math.isnan(row["rank"]) else f"{int(row['rank'])}",
        score_words(score),
        levels().get(level, level),
        *(_measure(row, name) for name in MEASURES),
    ]


def _measure(row: "pd.Series[float]", name: str) -> str:
    _, low, high = MEASURES[name]
    if pd.isna(row[low]) or pd.isna(row[high]):
        return number(row[name], 3)
    return f"{row[name]:.3f} ({row[low]:.3f}–{row[high]:.3f})"


add_table(TableSpec(name="ood_leaderboard", section="ood", position=25, make=ood_leaderboard))
