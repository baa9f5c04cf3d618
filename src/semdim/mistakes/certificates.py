"""Certified risk against certified coverage for a few scores (selective_risk.csv)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from semdim.bounds.let_through import let_through, thresholds_of
from semdim.bounds.quantities import loss_ceiling, loss_floor, smoothed_loss
from semdim.bounds.selective_risk import SelectiveRisk, first_of, selective_curve
from semdim.mistakes.association import ranks
from semdim.mistakes.evaluation import ORACLE
from semdim.mistakes.items import NLL, TOP1, Study

LOSS = "loss"
CERTIFIED = ("n_active", "n_active_adjusted", "unexplained_share", "entropy", ORACLE)
"""Scores whose curves are certified; the oracle's order knows the outcome."""


@dataclass(frozen=True)
class Curve:
    """The certified curve of one score against one outcome."""

    outcome: str
    """``top1_error`` or ``loss``."""
    score: str
    """By name."""
    sign: float
    """−1 where more of the score means fewer errors on the documents of the fit, else 1."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest."""
    failure_prob: float
    """δ of all points together."""
    points: tuple[SelectiveRisk, ...]
    """By target risk; their thresholds are of ``sign`` times the score."""

    def threshold(self, point: SelectiveRisk) -> float | None:
        """A point's threshold in the unit of the score."""
        return None if point.threshold is None else self.sign * point.threshold


def selective_curves(
    study: Study,
    target_shares: Sequence[float],
    *,
    failure_prob: float,
    n_thresholds: int,
    vocab_size: int,
    smoothing: float,
    scores: Sequence[str] = CERTIFIED,
) -> Iterator[Curve]:
    """A curve per outcome and score. The documents of the fit say which way round a score is read,
    its thresholds, where the sequence starts and the targets; the reported documents calibrate.
    Each score's curve is a statement of its own at δ, whose points hold at once.

    Args:
        study: the items of both halves.
        target_shares: targets, as shares of the mean outcome on the documents of the fit.
        failure_prob: δ of a curve.
        n_thresholds: thresholds of a curve.
        vocab_size: V of the model.
        smoothing: α of the loss that is bounded.
        scores: by name; those that the study lacks are left out.
    """
    rng = np.random.default_rng(0)
    for outcome in (TOP1, LOSS):
        if outcome == TOP1 and TOP1 not in study.fit.outcomes:
            continue
        low, high = loss_range_of(outcome, vocab_size, smoothing)
        design, fresh = (
            losses_of(items.outcomes, outcome, vocab_size, smoothing)
            for items in (study.fit, study.evaluation)
        )
        targets = [share * float(design.mean()) for share in target_shares]
        best = _ordered(design, rng), _ordered(fresh, rng)
        known: Mapping[str, np.ndarray] = {**study.fit.scores, ORACLE: best[0]}
        new: Mapping[str, np.ndarray] = {**study.evaluation.scores, ORACLE: best[1]}
        for name in scores:
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
            yield Curve(outcome, name, sign, low, high, failure_prob, tuple(points))


def losses_of(
    outcomes: Mapping[str, np.ndarray], outcome: str, vocab_size: int, smoothing: float
) -> np.ndarray:
    """The losses whose risk is certified: top-1 errors, or smoothed bits."""
    if outcome == TOP1:
        return outcomes[TOP1]
    return smoothed_loss(outcomes[NLL], smoothing, vocab_size)


def loss_range_of(outcome: str, vocab_size: int, smoothing: float) -> tuple[float, float]:
    """Smallest and largest loss that is possible."""
    if outcome == TOP1:
        return 0.0, 1.0
    return loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)


def selective_table(curves: Iterable[Curve]) -> pd.DataFrame:
    """selective_risk.csv: a row per outcome, score and target risk."""
    rows = [
        {
            "outcome": curve.outcome,
            "score": curve.score,
            "direction": "reversed" if curve.sign < 0 else "expected",
            "target_risk": point.target_risk,
            "threshold": _or_nan(curve.threshold(point)),
            "coverage": point.coverage,
            "measured_risk": _or_nan(point.measured_risk),
            "measured_coverage": point.measured_coverage,
            "n_documents": point.n_documents,
            "failure_prob": point.budget.failure_prob,
            "is_certified": point.threshold is not None,
        }
        for curve in curves
        for point in curve.points
    ]
    columns = [
        "outcome", "score", "direction", "target_risk", "threshold", "coverage", "measured_risk",
        "measured_coverage", "n_documents", "failure_prob", "is_certified",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _ordered(outcome: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outcome with ties in random order, so that a threshold may let through a part of them;
    the draw knows nothing of the items, and the certificate holds given it."""
    gaps = np.diff(np.unique(outcome))
    return outcome + 0.5 * float(gaps.min(initial=1.0)) * rng.random(len(outcome))
