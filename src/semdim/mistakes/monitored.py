"""Certified thresholds on one score as a file for the monitor (risk_thresholds.json)."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from semdim.bounds.let_through import let_through
from semdim.bounds.selective_risk import ASSUMPTIONS, SOURCE, SelectiveRisk
from semdim.mistakes.certificates import Curve, losses_of
from semdim.mistakes.items import NLL, TOP1, Study, predicting
from semdim.results.risk_thresholds import (
    LOSSES,
    UNITS,
    Elsewhere,
    Outcome,
    RiskCurve,
    RiskPoint,
    RiskThresholds,
)
from semdim.uncertainty.guardrail import Provenance, Role
from semdim.uncertainty.score import SCORES

LOSS_COLUMN = "nll_model"


def columns_of(score: str) -> tuple[str, ...]:
    """Columns of the ledger that say what the thresholds on a score do on a corpus."""
    return (*SCORES[score].reads, LOSS_COLUMN, TOP1)


def risk_thresholds(
    curves: Iterable[Curve],
    study: Study,
    others: Mapping[str, tuple[Role, pd.DataFrame]],
    *,
    score: str,
    corpus: str,
    sequences_per_document: int,
    vocab_size: int,
    smoothing: float,
    provenance: Provenance | None,
) -> RiskThresholds:
    """The curves of one score, and what their thresholds do on corpora that no theorem covers.

    Args:
        curves: `semdim.mistakes.certificates.selective_curves`; those of other scores are left out.
        study: the items that designed and calibrated them.
        others: by name, the role and the counted tokens of each further corpus, with `columns_of`
            the score; a column ``is_last`` says which predict nothing. One whose ledger lacks the
            score or the loss is left out.
        score: by name; one that learns nothing.
        corpus: name of the in-distribution corpus.
        sequences_per_document: sequences that the sample takes of a document at most.
        vocab_size: V of the model.
        smoothing: α of the loss that is bounded.
        provenance: what the thresholds are for.
    """
    rows = {
        name: (role, predicting(tokens, name))
        for name, (role, tokens) in others.items()
        if {*SCORES[score].reads, LOSS_COLUMN} <= set(tokens.columns)
    }
    found = []
    for curve in curves:
        if curve.score != score:
            continue
        outcome: Outcome = "top1_error" if curve.outcome == TOP1 else "loss"
        points = tuple(
            RiskPoint(
                target_risk=point.target_risk,
                threshold=curve.threshold(point),
                coverage=point.coverage,
                measured_risk=point.measured_risk,
                measured_coverage=point.measured_coverage,
                elsewhere={
                    name: _elsewhere(curve, point, role, tokens, vocab_size, smoothing)
                    for name, (role, tokens) in rows.items()
                    if point.threshold is not None and (outcome == "loss" or TOP1 in tokens)
                },
            )
            for point in curve.points
        )
        found.append(
            RiskCurve(
                outcome=outcome,
                loss=LOSSES[outcome],
                unit=UNITS[outcome],
                low=curve.low,
                high=curve.high,
                smoothing=smoothing if outcome == "loss" else None,
                lets_through="at least" if curve.sign < 0 else "at most",
                failure_prob=curve.failure_prob,
                n_documents=study.evaluation.n_documents,
                n_tokens=len(study.evaluation.document),
                n_design_documents=study.fit.n_documents,
                points=points,
            )
        )
    return RiskThresholds(
        score=score,
        meaning=SCORES[score].meaning,
        corpus=corpus,
        sequences_per_document=sequences_per_document,
        curves=tuple(found),
        assumptions=ASSUMPTIONS,
        source=SOURCE,
        provenance=provenance,
    )


def _elsewhere(
    curve: Curve,
    point: SelectiveRisk,
    role: Role,
    tokens: pd.DataFrame,
    vocab_size: int,
    smoothing: float,
) -> Elsewhere:
    """What a certified threshold lets through of another corpus, and what is wrong with that."""
    assert point.threshold is not None
    outcomes = {NLL: tokens[LOSS_COLUMN].to_numpy(dtype=np.float64)}
    if TOP1 in tokens:
        outcomes[TOP1] = tokens[TOP1].to_numpy(dtype=np.float64)
    through = let_through(
        curve.sign * SCORES[curve.score].value(tokens, None),
        losses_of(outcomes, curve.outcome, vocab_size, smoothing),
        tokens["document"].to_numpy(),
        [point.threshold],
        low=curve.low,
        high=curve.high,
    )
    share = float(through.share.mean())
    return Elsewhere(
        role=role,
        risk=float(through.loss.mean()) / share if share > 0 else None,
        coverage=share,
        n_documents=len(through.share),
        n_tokens=len(tokens),
    )
