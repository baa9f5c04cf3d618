"""The results of a run as the figures and the report read them: small CSV and JSON files only.

    results/probes/<probe>/  bounds.csv  bound.json  proxies.csv  surface.csv  setup.json
                             sparsity.csv  radii.csv  sparsity_histogram.csv  sequence_histogram.csv
                             uncertainty.csv  roc.csv  guardrail.json  verdict.json
                             k_and_loss.json  rounding.csv
                             errors.json  errors.csv  errors_curve.csv  errors_by_k.csv
                             reliability.csv  mondrian.csv  selective_risk.csv
                             answers/<set>/  verdict.json  detection.csv

Any file may be missing: what depends on it is then reported as not computed. What the columns are
is written in `semdim.results.schema`.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from semdim.errors import ArtifactError
from semdim.reading import (
    is_there,
    mapping,
    number_or_null,
    read_bytes,
    read_json,
    reading,
    refused,
    taken,
)
from semdim.records import read_record
from semdim.results.answers import FoundAnswers, read_answers
from semdim.results.cells import plain
from semdim.results.errors import Errors
from semdim.results.k_and_loss import KAndLoss
from semdim.results.schema import TABLES

READ = (
    "bounds", "surface", "proxies", "sparsity", "sparsity_histogram", "uncertainty", "roc",
    "sequence_histogram", "radii", "rounding", "errors", "errors_curve", "errors_by_k",
    "reliability", "mondrian", "selective_risk",
)  # fmt: skip
"""The tables that figures and report look at."""

OUTPUT_FOLDERS = ("figures", "tables")
"""What stands beside the probes' folders, and is no probe."""

PARENTS = ("probes", "models")
"""Where a folder of results keeps its probes; ``models`` in results of before semdim had probes."""

TABLE_BYTES = 1 << 30
"""Largest table that is read."""
ADVICE = "run the stage again"

_KNOWN_ROLES = {"english": "id", "c4": "id", "python": "shifted", "random": "far"}


@dataclass(frozen=True)
class ProbeResults:
    """Everything that was measured with one probe: an autoencoder at a hook point of a model."""

    name: str
    """The probe's key, which is the name of its folder."""
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
    k_and_loss: KAndLoss | None = None
    """k_and_loss.json: the loss of the next token by k; None where the file is absent."""
    errors: Errors | None = None
    """errors.json: k against the model's own errors; None where the file is absent."""
    answers: dict[str, FoundAnswers] = field(default_factory=dict)
    """answers/<set>/: by set of questions; empty where none was asked."""
    settings: dict[str, Any] = field(default_factory=dict)
    """params.yaml: the settings that the numbers belong to."""
    left_out: tuple[str, ...] = ()
    """Of bound.json: the bounds that could not be computed, and why, in sentences."""

    def table(self, name: str) -> pd.DataFrame:
        """A table, empty (with its columns) when the file is absent."""
        if name in self.tables:
            return self.tables[name]
        return pd.DataFrame(columns=list(TABLES[name].names))

    @property
    def corpora(self) -> list[str]:
        """Corpora in the order of the set-up, then of the tables; the ID corpus comes first."""
        names = [*self.setup.get("corpora", {}), *self.table("sparsity")["corpus"]]
        ordered = list(dict.fromkeys(str(name) for name in names))
        return sorted(ordered, key=lambda name: self.role(name) != "id")

    def role(self, corpus: str) -> str:
        """id, near, shifted or far: of the set-up, else of the settings."""
        for source in (self.setup, self.settings):
            facts = (source.get("corpora") or {}).get(corpus) or {}
            if isinstance(facts, Mapping) and facts.get("role"):
                return str(facts["role"])
        return _KNOWN_ROLES.get(corpus, "shifted")

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
    if not is_there(path):
        return {}
    return read_json(path, advice=ADVICE)


def _headline(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The numbers of bound.json, and what was left out of it with the reasons."""
    content = _read_json(path)
    left_out = content.pop("left_out", [])
    for name in content:
        taken(content, name, number_or_null, path, ADVICE)
    return content, tuple(map(str, left_out))


def _setup(path: Path) -> dict[str, Any]:
    """setup.json: of any version, so that only what is read by name is checked."""
    content = _read_json(path)
    for name in ("model", "sae", "corpora", "packages"):
        if name in content:
            taken(content, name, mapping, path, ADVICE)
    corpora = content.get("corpora", {})
    for name in corpora:
        taken(corpora, name, mapping, path, ADVICE)
    return content


def _read_settings(path: Path) -> dict[str, Any]:
    if not is_there(path):
        return {}
    content = read_bytes(path, "settings in YAML", limit=TABLE_BYTES, advice=ADVICE)
    with reading(path, "settings in YAML", ADVICE):
        found = yaml.safe_load(content)
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def _read_table(path: Path, name: str) -> pd.DataFrame:
    content = read_bytes(path, "a table in CSV", limit=TABLE_BYTES, advice=ADVICE)
    with reading(path, "a table in CSV", ADVICE):
        table = pd.read_csv(io.BytesIO(content))
    if not isinstance(table.index, pd.RangeIndex):  # pandas makes an index of the surplus
        reason = f"a row holds more values than the {len(table.columns)} columns of its header"
        raise refused(path, "a table in CSV", reason, ADVICE)
    schema = TABLES[name]
    missing = [column for column in schema.required if column not in table.columns]
    if missing:
        raise ArtifactError(
            f"{path} lacks the column(s) {', '.join(missing)}; it was written by another version; "
            "run the stage again."
        )
    added = [column for column in schema.names if column not in table.columns]
    table = table.reindex(columns=[*table.columns, *added])
    for column in schema.of_kind("number"):
        _check_numbers(path, table[column])
    for column in schema.of_kind("text"):
        cells = table[column].astype(object).where(table[column].notna(), "")
        # Of the cells, which are many, few begin with the apostrophe that `plain` takes away.
        texts = [plain(text) if text[:1] == "'" else text for text in map(str, cells)]
        table[column] = pd.Series(texts, index=table.index, dtype=None if texts else object)
    for column in schema.of_kind("flag"):
        table[column] = table[column].map(_truth)
    return table


def _check_numbers(path: Path, column: pd.Series) -> None:
    if column.isna().all():
        return
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return
    wrong = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    if len(wrong):
        row, value = int(wrong.index[0]) + 1, str(wrong.iloc[0])
        reason = f"row {row} has {value[:40]!r} as {column.name}, expected a number"
        raise refused(path, "a table in CSV", reason, ADVICE)
    raise refused(path, "a table in CSV", f"{column.name} holds no numbers", ADVICE)


def _truth(value: object) -> bool:
    return str(value).strip().lower() in ("true", "1", "1.0")


def read_probe(folder: Path) -> ProbeResults:
    """Read one probe's folder. Raises ArtifactError for a damaged file or missing columns."""
    paths = {name: folder / f"{name}.csv" for name in READ}
    tables = {name: _read_table(path, name) for name, path in paths.items() if is_there(path)}
    tokenwise, mistakes = folder / "k_and_loss.json", folder / "errors.json"
    headline, left_out = _headline(folder / "bound.json")
    return ProbeResults(
        name=folder.name,
        tables={name: table for name, table in tables.items() if len(table)},
        setup=_setup(folder / "setup.json"),
        headline=headline,
        left_out=left_out,
        guardrail=_read_json(folder / "guardrail.json"),
        verdict=_read_json(folder / "verdict.json"),
        settings=_read_settings(folder / "params.yaml"),
        k_and_loss=read_record(tokenwise, KAndLoss) if is_there(tokenwise) else None,
        errors=read_record(mistakes, Errors) if is_there(mistakes) else None,
        answers=read_answers(folder / "answers"),
    )


def probes_folder(results_dir: Path) -> Path:
    """The folder that holds a folder for each probe: `results_dir`/probes, or `results_dir`."""
    inside = (Path(results_dir) / name for name in PARENTS)
    return next((folder for folder in inside if _has_probes(folder)), Path(results_dir))


def _has_probes(parent: Path) -> bool:
    return parent.is_dir() and any(map(_is_probe, parent.iterdir()))


def _is_probe(folder: Path) -> bool:
    names = [*(f"{name}.csv" for name in READ), "setup.json", "bound.json"]
    return (
        folder.is_dir()
        and folder.name not in OUTPUT_FOLDERS
        and any((folder / name).exists() for name in names)
    )


def read_results(results_dir: Path, only: Sequence[str] | None = None) -> list[ProbeResults]:
    """The probes of a results folder, by name; with `only`, those named and no other: a folder may
    hold probes of an earlier run. Raises ArtifactError when there is none, or one named is not."""
    parent = probes_folder(results_dir)
    folders = sorted(parent.iterdir()) if parent.is_dir() else []
    found = [folder for folder in folders if _is_probe(folder)]
    if not found:
        own = Path(results_dir) / "results"
        if _has_probes(probes_folder(own)):
            raise ArtifactError(f"{results_dir} holds no probe results, but {own} does: name that.")
        raise ArtifactError(
            f"{parent} holds no probe results (expected {parent}/<probe>/bounds.csv and the files "
            "next to it); run the pipeline first: make repro."
        )
    absent = sorted(set(only or ()) - {folder.name for folder in found})
    if absent:
        raise ArtifactError(
            f"{parent} holds no results of {', '.join(absent)}; run the pipeline first: make repro."
        )
    return [read_probe(folder) for folder in found if only is None or folder.name in only]
