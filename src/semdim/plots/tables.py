"""The tables of the report: one value per table, written as CSV (numbers) and Markdown (words)."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from semdim.plots.families import METHODS, curves
from semdim.plots.proxies import ablation_rows
from semdim.plots.references import reference_table
from semdim.plots.sparsity import POSITIONS
from semdim.plots.uncertainty import LEVELS, auroc_matrix, column_pairs, score_words, uses_labels
from semdim.results.read import ProbeResults


@dataclass(frozen=True)
class Table:
    """A table, once as numbers and once as it is read."""

    name: str
    """File name without its ending."""
    title: str
    """Heading."""
    header: list[str]
    """Column headings as read."""
    rows: list[list[str]]
    """Cells as read."""
    data: pd.DataFrame
    """The same with full precision, for the CSV file."""
    bold: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    """Cells (row, column) that stand out."""
    note: str = ""
    """What a reader must know."""

    @property
    def filled(self) -> list[int]:
        """Columns that are not empty throughout: the ones a page shows."""
        return [j for j in range(len(self.header)) if any(row[j] for row in self.rows)]

    def to_markdown(self) -> str:
        """GitHub's Markdown."""

        def line(cells: list[str]) -> str:
            shown = (cells[j].replace("|", "\\|") for j in self.filled)
            return "| " + " | ".join(shown) + " |"

        body = [
            line([f"**{c}**" if (i, j) in self.bold else c for j, c in enumerate(row)])
            for i, row in enumerate(self.rows)
        ]
        rule = "|" + "|".join(" --- " for _ in self.filled) + "|"
        note = f"\n{self.note}\n" if self.note else ""
        return "\n".join([f"### {self.title}", "", line(self.header), rule, *body, note])

    def write(self, folder: Path) -> list[Path]:
        """Write `folder`/<name>.csv and .md; returns the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{self.name}.csv", folder / f"{self.name}.md"]
        text = self.data.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        paths[0].write_text(text, encoding="utf-8")
        paths[1].write_text(self.to_markdown().rstrip() + "\n", encoding="utf-8")
        return paths


def number(value: object, digits: int = 2) -> str:
    """A number as read: thousands with commas, an empty cell where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, str)):
        return str(value)
    real = round(float(value), digits) + 0.0  # type: ignore[arg-type]  # no −0.00
    if math.isnan(real):
        return ""
    return f"{real:,.0f}" if real == int(real) and digits == 0 else f"{real:,.{digits}f}"


def sparsity_table(models: list[ProbeResults]) -> Table:
    """Table 1: n_active per corpus, with and without position 0."""
    columns = ["n_tokens", "mean", "std", "min", "q05", "q50", "q95", "q99", "max"]
    parts, rows = [], []
    for model in models:
        table = model.table("sparsity")
        for positions, words in POSITIONS.items():
            part = table[table["positions"] == positions].set_index("corpus")
            part = part.reindex([c for c in model.corpora if c in part.index]).reset_index()
            parts.append(part.assign(model=model.name))
            for _, row in part.iterrows():
                cells = [number(row[c], 2 if c in ("mean", "std") else 0) for c in columns]
                corpus = f"{row['corpus']} ({model.role(str(row['corpus']))})"
                rows.append([model.name, corpus, words, *cells])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    order = ["model", "corpus", "positions", *columns]
    return Table(
        "table1_sparsity",
        "Table 1. Atoms active per token",
        [
            *("model", "corpus", "positions", "tokens", "mean", "std", "min"),
            *("5 %", "median", "95 %", "99 %", "max"),
        ],
        rows,
        data[order] if len(data) else pd.DataFrame(columns=order),
        note="Quantiles, because mean, std and max alone hide whether a tail is one token or many.",
    )


BOUND_TERMS = ("proxy_risk", "gap", "outside", "complexity", "tail", "gap_tail")


def bounds_table(models: list[ProbeResults]) -> Table:
    """Every family at the largest N, with its terms and the N at which it becomes non-vacuous."""
    rows, entries = [], []
    for model in models:
        for curve in curves(model):
            last, crossing = curve.last, curve.crossing
            entry = {
                "model": model.name,
                "family": curve.family,
                "method": curve.method,
                "is_certificate": curve.is_certificate,
                **{
                    name: last[name]
                    for name in ("unit", "n_units", "n_tokens", "k", "pool_size", *BOUND_TERMS)
                },
                "total": last["total"],
                "baseline": last["baseline"],
                "first_non_vacuous_n_tokens": crossing.n_tokens if crossing else None,
            }
            entries.append(entry)
            choice = f"k = {last['k']:.4g}" if pd.notna(last["k"]) else ""
            if pd.notna(last["pool_size"]):
                choice = f"P = {number(last['pool_size'], 0)}"
            rows.append(
                [
                    model.name,
                    curve.label,
                    "yes" if curve.is_certificate else "no",
                    f"{number(last['n_units'], 0)} {last['unit']}s".strip(),
                    choice,
                    METHODS.get(curve.method, curve.method),
                    number(last["total"]),
                    number(last["baseline"]),
                    number(crossing.n_tokens, 0) if crossing else "none",
                    *(number(last[term]) for term in BOUND_TERMS),
                ]
            )
    return Table(
        "bounds_at_largest_n",
        "Every bound at the largest N, term by term (bits per token)",
        [
            *("model", "bound", "certificate?", "sample", "at", "method"),
            *("total", "log₂V", "non-vacuous from N"),
            *("of it: risk", "|gap|", "outside pool", "complexity", "tail"),
            "gap tail",
        ],
        rows,
        pd.DataFrame(entries),
        note="Risk is the model’s own for holdout, the proxy’s otherwise. “Non-vacuous from N” is "
        "the smallest N of the grid (tokens) from which on the total stays below log₂V.",
    )


def proxies_table(models: list[ProbeResults]) -> Table:
    """Every proxy's losses."""
    rows, parts = [], []
    for model in models:
        table = ablation_rows(model)
        parts.append(table.drop(columns=["place", "size", "other_splice"], errors="ignore"))
        parts[-1] = parts[-1].assign(model=model.name)
        for _, row in table.iterrows():
            rows.append(
                [
                    model.name,
                    str(row["words"]),
                    str(row["splice"]),
                    number(row["n_sequences"], 0),
                    *(number(row[name], 3) for name in ("risk", "signed_gap", "abs_gap", "nll")),
                ]
            )
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    order = [c for c in ("model", "proxy", "words", "splice", "k") if c in data.columns]
    order += [
        c for c in ("n_sequences", "risk", "signed_gap", "abs_gap", "nll") if c in data.columns
    ]
    return Table(
        "proxies",
        "Losses through every proxy (bits per token)",
        [
            "model",
            "proxy",
            "splice",
            "sequences",
            "risk (smoothed)",
            "signed gap",
            "mean |gap|",
            "nll (raw)",
        ],
        rows,
        data[order],
        note="Signed gap = model − proxy: risk + signed gap is the model’s own risk, whatever the "
        "proxy; the bound needs mean |gap|.",
    )


def auroc_tables(models: list[ProbeResults]) -> Table:
    """AUROC of every score; the best of each column that needs no label in bold."""
    rows: list[list[str]] = []
    bold: set[tuple[int, int]] = set()
    parts, header = [], ["model", "score"]
    for model in models:
        table = model.table("uncertainty")
        if table.empty:
            continue
        parts.append(table.assign(model=model.name))
        matrix = auroc_matrix(model)
        pairs = column_pairs(matrix)
        words = [f"{shift}, {LEVELS[level]}" for level, shift in pairs]
        header += [word for word in words if word not in header]
        free = [score for score in matrix.index if not uses_labels(model, str(score))]
        best = matrix.loc[free].max()
        for score in matrix.index:
            cells = {}
            for pair, word in zip(pairs, words, strict=True):
                value = matrix.at[score, pair]
                cells[word] = number(value, 3)
                if score in free and value == best[pair]:
                    bold.add((len(rows), header.index(word)))
            label = score_words(str(score))
            label += " (needs the label)" if uses_labels(model, str(score)) else ""
            rows.append([model.name, label, *(cells.get(word, "") for word in header[2:])])
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    first = [c for c in ("model",) if c in data.columns]
    return Table(
        "uncertainty_auroc",
        "AUROC of every score (higher score = taken for unfamiliar; 0.5 = a coin toss)",
        header,
        [row + [""] * (len(header) - len(row)) for row in rows],
        data[first + [c for c in data.columns if c not in first]],
        frozenset(bold),
        "Bold: the best of its column among the scores that do without the true next token.",
    )


def all_tables(models: list[ProbeResults]) -> list[Table]:
    """Every table that has a row, in the order of the report."""
    header, rows, data = reference_table(models)
    note = (
        "A number stands here only where its source can be opened and was read; an empty cell says "
        "that we quote none, not that there is none."
    )
    references = Table("references", "Where this stands", header, rows, data, note=note)
    tables = [sparsity_table, bounds_table, proxies_table, auroc_tables]
    return [table for table in (make(models) for make in tables) if table.rows] + [references]
