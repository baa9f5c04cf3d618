"""Certified risk against certified coverage for a few scores (selective_risk.csv)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from semdim.bounds.let_through import let_through, thresholds_of
from semdim.bounds.quantities import loss_ceiling, loss_floor, smoothed_loss
from semdim.bounds.selective_risk import first_of, selective_curve
from semdim.mistakes.association import ranks
from semdim.mistakes.evaluation import ORACLE
from semdim.mistakes.items import NLL, TOP1, Study

LOSS = "loss"
CERTIFIED = ("n_active", "n_active_adjusted", "unexplained_share", "entropy", ORACLE)
"""Scores whose curves are certified; the oracle's order knows the outcome."""


def selective_table(
    study: Study,
    target_shares: Sequence[float],
    *,
    failure_prob: float,
    n_thresholds: int,
    vocab_size: int,
    smoothing: float,
    scores: Sequence[str] = CERTIFIED,
) -> pd.DataFrame:
    """A row per outcome, score and target risk. The documents of the fit say which way round a
    score is read, its thresholds, where the sequence starts and the targets; the reported documents
    calibrate. Each score's curve is a statement of its own at δ, whose points hold at once.

    Args:
        study: the items of both halves.
        target_shares: targets, as shares of the mean outcome on the documents of the fit.
        failure_prob: δ of a curve.
        n_thresholds: thresholds of a curve.
        vocab_size: V of the model.
        smoothing: α of the loss that is bounded.
        scores: by name.
    """
    rows = []
    rng = np.random.default_rng(0)
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    for outcome in (TOP1, LOSS):
        if outcome == TOP1 and TOP1 not in study.fit.outcomes:
            continue
        low, high = (0.0, 1.0) if outcome == TOP1 else (floor, ceiling)
        design, fresh = (
            items.outcomes[TOP1]
            if outcome == TOP1
            else smoothed_loss(items.outcomes[NLL], smoothing, vocab_size)
            for items in (study.fit, study.evaluation)
        )
        targets = [share * float(design.mean()) for share in target_shares]
        best = _ordered(design, rng), _ordered(fresh, rng)
        for name in scores:
            known: Mapping[str, np.ndarray] = {**study.fit.scores, ORACLE: best[0]}
            new: Mapping[str, np.ndarray] = {
                **study.evaluation.scores,
                ORACLE: best[1],
            }
            if name not in known:
                continue
            sign = -1.0 if float(ranks(known[name]) @ ranks(design)) < 0 else 1.0
            taus = thresholds_of(sign * known[name], n_thresholds)
            through = [
                let_through(sign * score[name], loss, items.document, taus, low=low, high=high)
                for score, loss, items in (
                    (known, design, study.fit),
                    (new, fresh, study.evaluation),
                )
            ]
            firsts = [first_of(through[0], target) for target in targets]
            points = selective_curve(through[1], targets, firsts, failure_prob=failure_prob)
            rows += [
                {
                    "outcome": outcome,
                    "score": name,
                    "direction": "reversed" if sign < 0 else "expected",
                    "target_risk": point.target_risk,
                    "threshold": np.nan if point.threshold is None else sign * point.threshold,
                    "coverage": point.coverage,
                    "measured_risk": np.nan if point.measured_risk is None else point.measured_risk,
                    "measured_coverage": point.measured_coverage,
                    "n_documents": point.n_documents,
                    "failure_prob": point.budget.failure_prob,
                    "is_certified": point.threshold is not None,
                }
                for point in points
            ]
    columns = [
        "outcome", "score", "direction", "target_risk", "threshold", "coverage", "measured_risk",
        "measured_coverage", "n_documents", "failure_prob", "is_certified",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _ordered(outcome: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outcome with ties in random order, so that a threshold may let through a part of them;
    the draw knows nothing of the items, and the certificate holds given it."""
    gaps = np.diff(np.unique(outcome))
    return outcome + 0.5 * float(gaps.min(initial=1.0)) * rng.random(len(outcome))
