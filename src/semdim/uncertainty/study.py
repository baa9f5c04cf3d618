"""The out-of-distribution study of one model, from the ledgers of its corpora."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd

from semdim.artifacts.shards import write_atomically
from semdim.errors import DataError
from semdim.ledger.rows import EXACT_ROWS, Rows, documents_of, first_documents, is_empty
from semdim.records import from_plain, write_record
from semdim.results.cells import csv_text
from semdim.results.schema import check_columns
from semdim.uncertainty.alarm import guardrail
from semdim.uncertainty.alarm_levels import Rule, sequence_values
from semdim.uncertainty.comparison import (
    alarm_summary,
    by_shift,
    describe,
    fixed_rule_summary,
    is_constant,
    mean_n_active,
)
from semdim.uncertainty.evaluation import evaluate, roc_table, uncertainty_table
from semdim.uncertainty.fixed_rule import fixed_rule
from semdim.uncertainty.guardrail import Guardrail, Provenance, Role
from semdim.uncertainty.level_choice import CRITERION
from semdim.uncertainty.refits import refit_columns
from semdim.uncertainty.roles import id_corpus, origin_of
from semdim.uncertainty.rows import (
    check_fit_documents,
    check_tokens,
    counted_rows,
    fit_split,
    held_out,
    of_documents,
    with_origin,
)
from semdim.uncertainty.score import Score, all_scores, check_scores, missing_columns
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.table1 import (
    position_zero,
    sequence_histogram,
    sparsity_histogram,
    sparsity_table,
)
from semdim.uncertainty.verdict import FittedOn, Verdict

TABLES = ("uncertainty", "roc", "sparsity", "sparsity_histogram", "sequence_histogram")


@dataclass(frozen=True)
class StudyResult:
    """Everything that the stage writes: tidy tables, and two records."""

    uncertainty: pd.DataFrame
    """A row per score, shift and level: AUROC, AUPR, FPR at 95 % TPR, with intervals."""
    roc: pd.DataFrame
    """Points of the ROC curves, each score at its chosen level."""
    sparsity: pd.DataFrame
    """Table 1: n_active per corpus, with and without position 0."""
    sparsity_histogram: pd.DataFrame
    """Figure 2: tokens per bin of n_active, the same bins for every corpus."""
    sequence_histogram: pd.DataFrame
    """Sequences per bin of the guardrail's statistic at their end: what its threshold cuts."""
    guardrail: Guardrail
    """The conformal alarm on n_active, and the paper's k > 500 beside them."""
    verdict: Verdict
    """Facts and flags from which a report writes its verdict."""

    def write(self, folder: Path, provenance: Provenance | None = None) -> None:
        """Write five CSV files, guardrail.json and verdict.json into a folder, made if need be.

        ``provenance`` goes into guardrail.json, so that a monitor can refuse a threshold that is
        not its own.
        """
        for name in TABLES:
            table: pd.DataFrame = getattr(self, name)
            check_columns(name, table)
            write_atomically(folder / f"{name}.csv", csv_text(table, "%.6g"))
        write_record(folder / "guardrail.json", replace(self.guardrail, provenance=provenance))
        write_record(folder / "verdict.json", self.verdict)


def run_study(
    ledgers: Mapping[str, Rows],
    roles: Mapping[str, str],
    spec: UncertaintySpec,
    seed: int,
    *,
    vocab_size: int,
    document_names: Mapping[str, Sequence[str]] | None = None,
    scores: tuple[Score, ...] | None = None,
    activation_fit: Mapping[str, Any] | None = None,
    groups: Sequence[str] | None = None,
) -> StudyResult:
    """Measure how well n_active and every other score separate the ID corpus from the others.

    Args:
        ledgers: per corpus, a row per token position; a stream of them is never in memory as a
            whole. Of a corpus of more than `EXACT_ROWS` rows, single tokens are ranked in its first
            documents alone, which the verdict's warnings say; everything else reads all of it.
        roles: per corpus "id" (exactly one), "near", "shifted" or "far".
        spec: settings.
        seed: of the whole run; every random draw here derives from it and from the corpus's name.
        vocab_size: number of token ids of the model, for the unigram score.
        document_names: per corpus, names by document number. A shift's document with the name of
            an ID fit document is a copy of it, and left out of all rates and AUROCs. Needed for a
            near shift and its ID corpus; a corpus without names is taken to be other texts.
        scores: their columns must be in every ledger. None: all that are registered, but for those
            whose columns a ledger lacks, which the verdict's warnings name. So they do with those
            that fail.
        activation_fit: facts of the fit behind columns that were computed from activations; its
            ``fit_documents`` must be those of this study.
        groups: a label, such as the source, of each ID document by number: the guardrail gets
            thresholds of its own in each group.

    Warns when n_active is constant or a corpus is a single document. Raises ``ConfigError`` for
    roles or scores that do not fit, ``DataError`` for ledgers that cannot be used and for too few
    ID documents for the promised false-alarm rate.
    """
    id_name = id_corpus(ledgers, roles)
    lacking: dict[str, tuple[str, ...]] = {}
    if scores is None:
        registered = [score for score in all_scores() if score.name == score.base]
        lacking = missing_columns(registered, ledgers)
        lacking.pop("n_active", None)  # without it there is no study: the check below says so
        scores = tuple(score for score in all_scores() if score.base not in lacking)
    check_scores(scores)
    columns = {name for score in scores for name in score.reads}
    columns |= refit_columns(ledgers)
    tokens = {name: check_tokens(ledger, name, columns) for name, ledger in ledgers.items()}
    scored = {name: counted_rows(table) for name, table in tokens.items()}
    shifts = [name for name in tokens if name != id_name]
    split = fit_split(documents_of(scored[id_name]), spec.fit_share, seed)
    fitted_on = None
    if activation_fit is not None:
        facts = dict(activation_fit)
        check_fit_documents(facts.pop("fit_documents", None), split)
        fitted_on = from_plain(facts, FittedOn, "What the scores from activations say of their fit")
    fit_rows = of_documents(scored[id_name], split.fit)
    id_rows = of_documents(scored[id_name], split.evaluation)
    names = document_names or {}
    documents = {name: documents_of(tokens[name]) for name in shifts}
    origin = {
        name: origin_of(documents[name], name, id_name, roles[name], names) for name in shifts
    }
    for name in shifts:
        scored[name] = with_origin(scored[name], documents[name], origin[name])
    apart = {name: held_out(scored[name], split.fit) for name in shifts}
    if empty := [name for name, rows in apart.items() if is_empty(rows)]:
        raise DataError(
            f"Corpus {empty[0]!r} holds nothing but copies of the ID documents that scores are "
            "fitted on; give it more documents or lower uncertainty.fit_share."
        )
    studied = evaluate(fit_rows, id_rows, apart, scores, spec, seed, id_name, vocab_size)
    scores = tuple(score for score in scores if score.base not in studied.left_out)
    notes = _notes(scored, shifts, lacking, studied.left_out)

    found = guardrail(
        tokens[id_name],
        {name: tokens[name] for name in shifts},
        origin,
        split,
        fixed_rule(tokens, roles, spec.fixed_threshold),
        spec,
        seed,
        groups,
    )

    at_end = found.alarm.at_end
    rule = Rule(at_end.statistic, at_end.n_tokens)
    sparsity = sparsity_table(tokens)
    verdict = Verdict(
        id_corpus=id_name,
        roles=cast(dict[str, Role], dict(roles)),
        n_active_is_constant=is_constant(scored),
        n_fit_documents=len(split.fit),
        n_evaluation_documents=len(split.evaluation),
        n_resamples=spec.n_resamples,
        confidence=spec.confidence,
        mean_n_active=mean_n_active(sparsity),
        level_criterion=CRITERION,
        level_choice=studied.choices,
        by_shift=by_shift(studied.cells, spec.confidence),
        guardrail=alarm_summary(found),
        fixed_rule=fixed_rule_summary(found.fixed_rule),
        position_zero=position_zero(tokens),
        scores=describe(scores),
        activation_fit=fitted_on,
        warnings=notes,
    )
    return StudyResult(
        uncertainty=uncertainty_table(studied.cells, spec.confidence),
        roc=roc_table(studied.cells),
        sparsity=sparsity,
        sparsity_histogram=sparsity_histogram(tokens, spec.histogram_bins),
        sequence_histogram=sequence_histogram(
            {name: sequence_values(table, rule, spec.window) for name, table in tokens.items()},
            spec.histogram_bins,
        ),
        guardrail=found,
        verdict=verdict,
    )


def _notes(
    scored: Mapping[str, Rows],
    shifts: list[str],
    lacking: Mapping[str, tuple[str, ...]],
    failed: Mapping[str, str],
) -> tuple[str, ...]:
    """What a reader must know before the numbers; each is also issued as a Python warning."""
    notes = []
    if is_constant(scored):
        notes.append(
            "n_active is the same at every token (a TopK autoencoder fixes it): it can signal "
            "nothing, and its rows in this study are meaningless."
        )
    if not shifts:
        notes.append(
            "There is only the ID corpus, so no score is compared and nothing is detected."
        )
    notes.extend(
        f"Corpus {name!r} is a single document, so its intervals are left empty: they would need "
        "at least two."
        for name in shifts
        if len(documents_of(scored[name])) < 2
    )
    notes.extend(
        f"Corpus {name!r} has more than {EXACT_ROWS:,} rows: its tokens are ranked only in its "
        "first documents, which have about that many rows together. Nothing else leaves rows out."
        for name, rows in scored.items()
        if first_documents(rows, EXACT_ROWS) is not None
    )
    if lacking:
        left_out = ", ".join(f"{name} ({', '.join(columns)})" for name, columns in lacking.items())
        notes.append(f"Scores left out because the tables lack their columns: {left_out}.")
    notes.extend(f"The score {name} is left out: {reason}" for name, reason in failed.items())
    for note in notes:
        warnings.warn(note, stacklevel=3)
    return tuple(notes)
