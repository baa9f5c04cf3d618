"""The results of a run as the figures and the report read them: small CSV and JSON files only.

    results/models/<model>/bounds/       bounds.csv  bound.json  proxies.csv  surface.csv
                                         setup.json
    results/models/<model>/uncertainty/  sparsity.csv  sparsity_histogram.csv  uncertainty.csv
                                         roc.csv  guardrail.json  verdict.json
                                         sequence_histogram.csv

The folder `models` and the two below a model may be left out: files are found by their names. Any
file may be missing: what depends on it is then reported as not computed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from semdim.errors import ArtifactError

COLUMNS: dict[str, tuple[str, ...]] = {
    "bounds": ("family", "is_certificate", "unit", "n_tokens", "total", "baseline"),
    "surface": ("n_tokens", "k", "total", "baseline", "is_best"),
    "proxies": ("proxy", "splice", "risk", "abs_gap"),
    "sparsity": ("corpus", "positions", "n_tokens", "mean", "std", "max"),
    "sparsity_histogram": ("corpus", "positions", "left", "right", "count"),
    "uncertainty": ("score", "shift", "level", "auroc"),
    "roc": ("score", "shift", "level", "false_positive_rate", "true_positive_rate"),
    "sequence_histogram": ("corpus", "left", "right", "count"),
}
"""The tables, and the columns without which they cannot be read."""

OPTIONAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "bounds": (
        *("n_sequences", "n_documents", "n_units", "k", "smoothing", "failure_prob"),
        *("proxy_risk", "gap", "outside", "complexity", "tail", "gap_tail"),
        *("method", "proxy", "pool_size", "valid_for_all_n", "subject", "failure_ledger"),
        *("bin_left", "bin_right"),
    ),
    "proxies": ("k", "signed_gap", "nll", "n_sequences", "n_documents"),
    "sparsity": ("min", "q05", "q25", "q50", "q75", "q95", "q99"),
    "uncertainty": (
        *("auroc_low", "auroc_high", "aupr", "fpr_at_95_tpr", "n_id", "n_ood"),
        *("family", "uses_labels"),
    ),
}
"""Filled with missing values where a table lacks them."""

OUTPUT_FOLDERS = ("figures", "tables")
"""What stands beside the models' folders, and is no model."""

_FLAGS = {"bounds": ("is_certificate", "valid_for_all_n"), "surface": ("is_best",)}
_TEXT = ("family", "unit", "method", "proxy", "subject", "failure_ledger", "splice")
_KNOWN_ROLES = {"english": "id", "c4": "id", "python": "shifted", "random": "far"}


@dataclass(frozen=True)
class ModelResults:
    """Everything that was measured on one model."""

    name: str
    """The model's key, which is the name of its folder."""
    tables: dict[str, pd.DataFrame]
    """By file name without its ending; absent where the file is absent."""
    setup: dict[str, Any] = field(default_factory=dict)
    """setup.json: facts of the model, its SAE, the corpora, the engine."""
    headline: dict[str, Any] = field(default_factory=dict)
    """bound.json: the numbers that are watched from run to run."""
    guardrail: dict[str, Any] = field(default_factory=dict)
    """guardrail.json: the alarm on n_active, its threshold and its rates."""
    verdict: dict[str, Any] = field(default_factory=dict)
    """verdict.json: flags about what n_active is worth as a warning sign."""

    def table(self, name: str) -> pd.DataFrame:
        """A table, empty (with its columns) when the file is absent."""
        if name in self.tables:
            return self.tables[name]
        return pd.DataFrame(columns=[*COLUMNS[name], *OPTIONAL_COLUMNS.get(name, ())])

    @property
    def corpora(self) -> list[str]:
        """Corpora in the order of the set-up, then of the tables; the ID corpus comes first."""
        names = [*self.setup.get("corpora", {}), *self.table("sparsity")["corpus"]]
        ordered = list(dict.fromkeys(str(name) for name in names))
        return sorted(ordered, key=lambda name: self.role(name) != "id")

    def role(self, corpus: str) -> str:
        """id, near, shifted or far."""
        facts = self.setup.get("corpora", {}).get(corpus, {})
        return str(facts.get("role") or _KNOWN_ROLES.get(corpus, "shifted"))

    @property
    def roles(self) -> dict[str, str]:
        """Role of every corpus."""
        return {corpus: self.role(corpus) for corpus in self.corpora}

    @property
    def baseline(self) -> float | None:
        """log2 V in bits, as the bounds table has it."""
        values = self.table("bounds")["baseline"].dropna()
        return float(values.iloc[0]) if len(values) else None


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON ({error}); run the stage again.") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{path} should hold a JSON object; run the stage again.")
    return content


def _read_table(path: Path, name: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:
        raise ArtifactError(f"{path} is not a table ({error}); run the stage again.") from error
    missing = [column for column in COLUMNS[name] if column not in table.columns]
    if missing:
        raise ArtifactError(
            f"{path} lacks the column(s) {', '.join(missing)}; it was written by another version: "
            "run the stage again."
        )
    for column in OPTIONAL_COLUMNS.get(name, ()):
        if column not in table.columns:
            table[column] = float("nan")
    for column in _TEXT:
        if column in table.columns:
            table[column] = table[column].astype(object).where(table[column].notna(), "").map(str)
    for column in _FLAGS.get(name, ()):
        table[column] = table[column].map(_truth)
    return table


def _truth(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "1.0")


def _find(folder: Path, name: str) -> Path:
    """The file of this name in `folder` or one level below it."""
    found = [folder / name, *sorted(folder.glob(f"*/{name}"))]
    return next((path for path in found if path.is_file()), found[0])


def read_model(folder: Path) -> ModelResults:
    """Read one model's folder. Raises ArtifactError for a damaged file or missing columns."""
    paths = {name: _find(folder, f"{name}.csv") for name in COLUMNS}
    tables = {name: _read_table(path, name) for name, path in paths.items() if path.exists()}
    return ModelResults(
        name=folder.name,
        tables={name: table for name, table in tables.items() if len(table)},
        setup=_read_json(_find(folder, "setup.json")),
        headline=_read_json(_find(folder, "bound.json")),
        guardrail=_read_json(_find(folder, "guardrail.json")),
        verdict=_read_json(_find(folder, "verdict.json")),
    )


def read_results(results_dir: Path, only: Sequence[str] | None = None) -> list[ModelResults]:
    """The models of a results folder, by name; with `only`, those named and no other: a folder may
    hold models of an earlier run. Raises ArtifactError when there is none, or one named is not."""
    results_dir = Path(results_dir)
    parent = results_dir / "models" if (results_dir / "models").is_dir() else results_dir
    names = [*(f"{name}.csv" for name in COLUMNS), "setup.json", "bound.json"]
    folders = sorted(parent.iterdir()) if parent.is_dir() else []
    found = [
        folder
        for folder in folders
        if folder.is_dir()
        and folder.name not in OUTPUT_FOLDERS
        and any(_find(folder, name).exists() for name in names)
    ]
    if not found:
        raise ArtifactError(
            f"{parent} holds no results of any model (expected {parent}/<model>/bounds.csv and its "
            "neighbours); run the pipeline first: make repro."
        )
    absent = sorted(set(only or ()) - {folder.name for folder in found})
    if absent:
        raise ArtifactError(
            f"{parent} holds no results of {', '.join(absent)}; run the pipeline first: make repro."
        )
    return [read_model(folder) for folder in found if only is None or folder.name in only]
