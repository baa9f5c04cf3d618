"""Does k know when the model is wrong? The study of one probe, from the ledgers of its corpora."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from semdim.artifacts.shards import write_atomically
from semdim.errors import DataError
from semdim.ledger.rows import Rows, documents_of
from semdim.mistakes.by_k import by_k, reliability_table
from semdim.mistakes.certificates import CERTIFIED, selective_curves, selective_table
from semdim.mistakes.drawn import Sample, sampled
from semdim.mistakes.evaluation import Draws, evaluate
from semdim.mistakes.items import TOP1, Items, Study, columns_read, study_items
from semdim.mistakes.mondrian import mondrian_table
from semdim.mistakes.monitored import columns_of, risk_thresholds
from semdim.mistakes.spec import ErrorsSpec
from semdim.mistakes.verdict import k_verdict, variance_shares
from semdim.records import write_record
from semdim.results.cells import csv_text
from semdim.results.errors import Errors
from semdim.results.risk_thresholds import RiskThresholds
from semdim.results.schema import check_columns
from semdim.tokens.positions import counted
from semdim.uncertainty.guardrail import Provenance, Role
from semdim.uncertainty.metrics import draw_multiplicities
from semdim.uncertainty.roles import id_corpus, origin_of
from semdim.uncertainty.rows import (
    KEYS,
    DocumentSplit,
    check_tokens,
    counted_rows,
    fit_split,
    generator,
    held_out,
    of_documents,
    split_documents,
)

TABLES = (
    "errors", "errors_curve", "errors_by_k", "reliability", "mondrian", "selective_risk",
)  # fmt: skip
LEAST_DOCUMENTS = 4


@dataclass(frozen=True)
class Settings:
    """What the study is told beside `ErrorsSpec`."""

    fit_share: float
    """Share of the documents that are fitted on, as in the uncertainty study."""
    choice_share: float
    """Share of these on which the guardrail's bins are fixed; the others calibrate it."""
    false_alarm_rate: float
    """a: promised by the guardrail in each bin."""
    smoothing: float
    """α of the loss whose risk is certified."""
    seed: int
    """Of the whole run."""


@dataclass(frozen=True)
class ErrorsResult:
    """Everything that the stage writes."""

    tables: Mapping[str, pd.DataFrame]
    """By file name without its ending (`TABLES`)."""
    record: Errors
    """errors.json."""
    thresholds: RiskThresholds
    """risk_thresholds.json."""

    def write(self, folder: Path) -> None:
        """Write the tables and both JSON files into a folder, made if need be."""
        for name in TABLES:
            check_columns(name, self.tables[name])
            write_atomically(folder / f"{name}.csv", csv_text(self.tables[name], "%.6g"))
        write_record(folder / "errors.json", self.record)
        write_record(folder / "risk_thresholds.json", self.thresholds)


def measure_errors(
    ledgers: Mapping[str, Rows],
    roles: Mapping[str, Role],
    spec: ErrorsSpec,
    settings: Settings,
    *,
    vocab_size: int,
    document_names: Mapping[str, Sequence[str]] | None = None,
    provenance: Provenance | None = None,
) -> ErrorsResult:
    """Every label-free score against the model's own errors on the in-distribution corpus.

    Args:
        ledgers: per corpus a row per token position, scores from activations joined; a stream of
            them is never in memory as a whole. Of a corpus of more than ``spec.most_tokens`` rows
            whole documents are drawn at random, which the record's notes say.
        roles: per corpus "id" (exactly one), "near", "shifted" or "far".
        spec: settings of this study.
        settings: those that it shares with others.
        vocab_size: V of the model.
        document_names: per corpus, names by document number; a near shift needs them.
        provenance: what the thresholds for a monitor are for.

    Raises:
        ConfigError: roles that do not fit.
        DataError: too few documents, missing columns or values, a model that is never wrong.
    """
    name = id_corpus(ledgers, roles)
    seed = settings.seed
    ledger = ledgers[name]
    whole, columns = _tokens(ledger, name, columns_read())
    documents = documents_of(counted_rows(whole))
    if len(documents) < LEAST_DOCUMENTS:
        raise DataError(
            f"Corpus {name!r} has {len(documents)} documents; the study of errors needs at least "
            f"{LEAST_DOCUMENTS}: to fit on, and to resample."
        )
    # Scores from activations were fitted on this split of all documents, whatever is drawn here.
    known = fit_split(documents, settings.fit_share, seed)
    drawn = {
        name: sampled(
            whole,
            columns,
            spec.most_tokens,
            generator(seed, "errors/documents"),
            (known.fit, known.evaluation),
        )
    }
    tokens = counted(check_tokens(drawn[name].rows, name))
    split = DocumentSplit(
        *(half[np.isin(half, tokens["document"])] for half in (known.fit, known.evaluation))
    )
    study = study_items(drawn[name].rows, split, vocab_size, name)
    items = study.evaluation
    times = draw_multiplicities(items.n_documents, spec.n_resamples, generator(seed, "errors"))
    draws = Draws(times, spec.confidence)
    found = evaluate(study, draws, spec.curve_points)
    parts = split_documents(split.fit, 1 - settings.choice_share, generator(seed, "mondrian"))
    tests = {name: of_documents(tokens, split.evaluation)}
    for corpus, other in ledgers.items():
        if corpus == name:
            continue
        whole, columns = _tokens(other, corpus, columns_of(spec.monitor_score))
        drawn[corpus] = sampled(
            whole, columns, spec.most_tokens, generator(seed, f"errors/documents/{corpus}")
        )
        rows = counted(check_tokens(drawn[corpus].rows, corpus, columns))
        origin = origin_of(rows, corpus, name, roles[corpus], document_names or {})
        tests[corpus] = held_out(rows.assign(origin=origin), known.fit)
    mondrian = mondrian_table(
        of_documents(tokens, parts.evaluation),
        of_documents(tokens, parts.fit),
        tests,
        vocab_size=vocab_size,
        false_alarm_rate=settings.false_alarm_rate,
        position_bins=spec.position_bins,
        frequency_bins=spec.frequency_bins,
        rng=generator(seed, "mondrian/tokens"),
    )
    curves = list(
        selective_curves(
            study,
            spec.target_shares,
            failure_prob=spec.failure_prob,
            n_thresholds=spec.n_thresholds,
            vocab_size=vocab_size,
            smoothing=settings.smoothing,
            scores=tuple(dict.fromkeys((*CERTIFIED, spec.monitor_score))),
        )
    )
    thresholds = risk_thresholds(
        curves,
        study,
        {corpus: (roles[corpus], rows) for corpus, rows in tests.items() if corpus != name},
        score=spec.monitor_score,
        corpus=name,
        sequences_per_document=int(tokens.groupby("document")["sequence"].nunique().max()),
        vocab_size=vocab_size,
        smoothing=settings.smoothing,
        provenance=provenance,
    )
    varies = np.ptp(items.scores["n_active"]) > 0
    verdicts = tuple(k_verdict(found, outcome) for outcome in items.outcomes if varies)
    record = Errors(
        n_tokens=len(items.document),
        n_documents=items.n_documents,
        n_fit_documents=len(split.fit),
        n_resamples=spec.n_resamples,
        confidence=spec.confidence,
        means={outcome: float(values.mean()) for outcome, values in items.outcomes.items()},
        false_alarm_rate=settings.false_alarm_rate,
        verdicts=verdicts,
        variance=variance_shares(tokens),
        notes=_notes(study, TOP1 in ledger.columns, items, mondrian, drawn),
    )
    tables = {
        "errors": found.table,
        "errors_curve": found.curves,
        "errors_by_k": by_k(items, draws, spec.k_bins, spec.confidence_bins),
        "reliability": reliability_table(items, spec.k_bins, spec.confidence_bins),
        "mondrian": mondrian,
        "selective_risk": selective_table(curves),
    }
    return ErrorsResult(tables, record, thresholds)


def _tokens(ledger: Rows, corpus: str, columns: Iterable[str]) -> tuple[Rows, tuple[str, ...]]:
    """The checked rows of a corpus, and which of these columns are there, beside the keys."""
    there = tuple(dict.fromkeys((*KEYS, *(each for each in columns if each in ledger.columns))))
    return check_tokens(ledger, corpus, there), there


def _notes(
    study: Study,
    has_top1: bool,
    items: Items,
    mondrian: pd.DataFrame,
    drawn: Mapping[str, Sample],
) -> tuple[str, ...]:
    """What is not there, in sentences."""
    whole = (each.note(name, "errors.most_tokens") for name, each in drawn.items())
    notes = [note for note in whole if note]
    if not np.ptp(items.scores["n_active"]) > 0:
        notes.append("k is the same at every token, so nothing can be said about it as a score.")
    if has_top1 and TOP1 not in items.outcomes:
        notes.append(
            "The most probable token is right everywhere or nowhere, so errors are measured by "
            "the loss only."
        )
    if not has_top1:
        notes.append(
            "The ledger has no column top1_error (it was written by an earlier version), so "
            "errors are measured by the loss only; `dvc repro` computes the column."
        )
    if study.missing:
        names = ", ".join(
            f"{name} ({', '.join(columns)})" for name, columns in study.missing.items()
        )
        notes.append(f"Scores left out because the ledger lacks their columns: {names}.")
    notes += [f"The score {name} is left out: {reason}" for name, reason in study.failed.items()]
    cells = mondrian[mondrian["position_bin"] > 0].drop_duplicates(
        ["position_bin", "frequency_bin"]
    )
    if cells["threshold"].isna().any():
        notes.append(
            "Some cells of position and frequency have too few calibration documents for the "
            "promised rate, and never raise an alarm (mondrian.csv)."
        )
    return tuple(notes)
