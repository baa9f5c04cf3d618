"""How well a score tells trouble from the rest, with intervals over entities.

Trouble is a wrong answer, or an invented entity. Questions of one entity are not independent, so a
resample draws entities, and all questions of an entity come as often as it was drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.mistakes.grouping import groups_of
from semdim.mistakes.holm import holm, p_of_resamples
from semdim.mistakes.ranking import aupr_of, auroc_of, check_both, resampled_counts
from semdim.mistakes.risk_coverage import area, best_aurc
from semdim.uncertainty.metrics import draw_multiplicities, percentile_interval


@dataclass(frozen=True)
class Detection:
    """One score against one kind of trouble; intervals are bootstrap percentiles over entities."""

    auroc: float
    """P(trouble scores above the rest), ties counted as a half."""
    auroc_low: float
    auroc_high: float
    aupr: float
    """Average precision; its floor is the share of trouble."""
    aurc: float
    """Area under the risk–coverage curve, the risk being the share of trouble; smaller = better."""
    aurc_low: float
    aurc_high: float
    e_aurc: float
    """What it exceeds the AURC of the best order by."""
    p_value: float
    """Two-sided, of AUROC = 0.5: a normal test with the resamples' standard deviation."""
    p_holm: float
    """The same, adjusted for all scores that were compared (Holm)."""
    beyond_text: float
    """AUROC above that of the baseline that reads the question's text alone."""
    beyond_text_low: float
    beyond_text_high: float


def check_score(name: str, score: Float[np.ndarray, " questions"]) -> None:
    """Refuse a score that has no value for some question.

    Raises:
        DataError: with the score's name and how many values are missing.
    """
    n_missing = int((~np.isfinite(score)).sum())
    if n_missing:
        raise DataError(
            f"The score {name} is NaN or infinite for {n_missing} of {len(score)} questions: leave "
            "those questions out, or the score."
        )


def detect(
    scores: Mapping[str, Float[np.ndarray, " questions"]],
    is_trouble: Bool[np.ndarray, " questions"],
    entity: Int[np.ndarray, " questions"],
    *,
    baseline: str,
    n_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Detection]:
    """Every score against the same trouble, on the same resamples.

    Args:
        scores: by name, higher = more trouble expected.
        is_trouble: of each question.
        entity: of each question, any labels.
        baseline: the score that the others are compared with; it is among them.
        n_resamples: resamples of entities. Those without trouble, or with nothing else, say
            nothing of a ranking and are left out.
        confidence: of the intervals.
        seed: of the resamples.

    Raises:
        DataError: a score is not finite somewhere, or all questions are trouble, or none.
    """
    check_both(is_trouble)
    for name, score in scores.items():
        check_score(name, score)
    rng = np.random.default_rng(seed)
    drawn = draw_multiplicities(len(np.unique(entity)), n_resamples, rng)
    values = {name: _values(score, is_trouble, entity, drawn) for name, score in scores.items()}
    reference, reference_drawn = values[baseline][0]["auroc"], values[baseline][1]["auroc"]
    p_values = np.array(
        [p_of_resamples(at["auroc"], 0.5, again["auroc"]) for at, again in values.values()]
    )
    least = best_aurc(is_trouble.astype(np.float64))
    found = {}
    for (name, (at, again)), p_value, adjusted in zip(
        values.items(), p_values, holm(p_values), strict=True
    ):
        difference = again["auroc"] - reference_drawn
        low, high = _interval(again["auroc"], confidence)
        aurc_low, aurc_high = _interval(again["aurc"], confidence)
        beyond_low, beyond_high = _interval(difference, confidence)
        found[name] = Detection(
            auroc=at["auroc"], auroc_low=low, auroc_high=high, aupr=at["aupr"],
            aurc=at["aurc"], aurc_low=aurc_low, aurc_high=aurc_high,
            e_aurc=max(at["aurc"] - least, 0.0), p_value=float(p_value), p_holm=float(adjusted),
            beyond_text=at["auroc"] - reference, beyond_text_low=beyond_low,
            beyond_text_high=beyond_high,
        )  # fmt: skip
    return found


def _values(
    score: np.ndarray, is_trouble: np.ndarray, entity: np.ndarray, drawn: np.ndarray
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The metrics of all questions, and of each resample."""
    groups = groups_of(score, entity)
    every = np.ones((1, drawn.shape[1]), dtype=np.int64)
    of_all, of_drawn = (_metrics(*resampled_counts(groups, is_trouble, w)) for w in (every, drawn))
    return {name: float(values[0]) for name, values in of_all.items()}, of_drawn


def _metrics(rest: np.ndarray, trouble: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "auroc": auroc_of(rest, trouble),
        "aupr": aupr_of(rest, trouble),
        "aurc": area(rest + trouble, trouble),
    }


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return percentile_interval(finite, confidence) if len(finite) else (float("nan"), float("nan"))
