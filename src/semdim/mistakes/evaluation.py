"""Every score against every outcome: a row of errors.csv each, and a risk–coverage curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.mistakes.association import between, mean_of, partial, ranks, spearman, within
from semdim.mistakes.basis import Basis, design
from semdim.mistakes.grouping import MOST_GROUPS, groups_of
from semdim.mistakes.holm import holm, p_of_resamples
from semdim.mistakes.items import CONTROLS, TOP1, Study
from semdim.mistakes.learnt import learnt_scores
from semdim.mistakes.ranking import aupr, aupr_of, auroc, auroc_of, auroc_within, resampled_counts
from semdim.mistakes.risk_coverage import aurc, resampled_aurc, risk_coverage

ORACLE = "oracle"
"""The outcome as its own score: the best order that there is."""
REVERSED = "reversed"


@dataclass(frozen=True)
class Evaluation:
    """What was measured of every score."""

    table: pd.DataFrame
    """errors.csv."""
    curves: pd.DataFrame
    """errors_curve.csv."""
    gains: dict[str, tuple[float, float, float]]
    """By outcome, what k adds to the controls, with its interval: AUROC for a binary outcome, rank
    correlation with the loss for the other."""


@dataclass(frozen=True)
class Draws:
    """Resamples of the documents that are reported."""

    times: Int[np.ndarray, "resamples documents"]
    """How often each holds each document."""
    confidence: float
    """Coverage of the intervals."""

    def interval(self, values: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
        """The central share of the finite values; NaN where there is none."""
        finite = values[np.isfinite(values)]
        if not len(finite):
            return float("nan"), float("nan")
        low, high = np.quantile(finite, [(1 - self.confidence) / 2, (1 + self.confidence) / 2])
        return float(low), float(high)

    def named(self, name: str, value: float, values: np.ndarray) -> dict[str, float]:
        """A number with both ends of its interval."""
        low, high = self.interval(values)
        return {name: value, f"{name}_low": low, f"{name}_high": high}


def evaluate(study: Study, draws: Draws, curve_points: int) -> Evaluation:
    """Measure every score on the items that are reported.

    Args:
        study: the items of both halves.
        draws: of the reported documents.
        curve_points: most points of a curve.

    Raises:
        DataError: no token is wrong, or every one.
    """
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    gains = {}
    items, fit = study.evaluation, study.fit
    for outcome, wrong in items.outcomes.items():
        tried: list[tuple[str, str, np.ndarray]] = []
        for name, score in items.scores.items():
            tried.append((name, "expected", score))
            if _agreement(fit.scores[name], fit.outcomes[outcome]) < 0:
                tried.append((name, REVERSED, -score))
        learnt = learnt_scores(fit, items, outcome)
        tried += [(name, "learnt", score) for name, score in learnt.items()]
        tried.append((ORACLE, "expected", wrong))
        for name, direction, score in tried:
            key = {"outcome": outcome, "score": name, "direction": direction}
            rows.append(key | measure(study, outcome, name, score, draws))
            curve = risk_coverage(score, wrong).thinned(curve_points)
            parts = {"coverage": curve.coverage, "risk": curve.risk}
            curves.append(pd.DataFrame({**key, **parts}))
        gains[outcome] = _gain(study, outcome, learnt["controls"], learnt["controls_and_k"], draws)
    table = pd.DataFrame(rows)
    for measure_name in ("auroc", "partial"):
        p_values, adjusted = table[f"{measure_name}_p"], f"{measure_name}_p_holm"
        table[adjusted] = np.nan
        for outcome in items.outcomes:
            # A direction more is the same test again, and no fitted score or oracle is tested.
            mine = (table["outcome"] == outcome) & (table["direction"] == "expected")
            mine &= table["score"] != ORACLE
            table.loc[mine, adjusted] = holm(p_values[mine].to_numpy(dtype=np.float64))
    return Evaluation(table, pd.concat(curves, ignore_index=True), gains)


def measure(
    study: Study, outcome: str, name: str, score: Float[np.ndarray, " items"], draws: Draws
) -> dict[str, float | int]:
    """Every number of a score, given in the direction in which it is read."""
    items = study.evaluation
    wrong, document = items.outcomes[outcome], items.document
    once = np.ones((1, items.n_documents), dtype=np.int64)
    groups = groups_of(score, document, most_groups=MOST_GROUPS)
    found: dict[str, float | int] = {"n_tokens": len(score), "n_documents": items.n_documents}
    area = resampled_aurc(groups, wrong, draws.times)
    least = resampled_aurc(groups_of(wrong, document, most_groups=MOST_GROUPS), wrong, draws.times)
    value, best = aurc(score, wrong), aurc(wrong, wrong)
    found |= draws.named("aurc", value, area)
    found |= draws.named("e_aurc", value - best, area - least)
    if outcome == TOP1:
        is_wrong = wrong > 0.5
        counts = resampled_counts(groups, is_wrong, draws.times)
        resampled = auroc_of(*counts)
        found |= draws.named("auroc", auroc(score, is_wrong), resampled)
        found["auroc_p"] = p_of_resamples(found["auroc"], 0.5, resampled)
        found |= draws.named("aupr", aupr(score, is_wrong), aupr_of(*counts))
        won, pairs = auroc_within(score, is_wrong, document)
        shares = np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)
        inside = [float(mean_of(shares, times, pairs)[0]) for times in (once,)]
        found |= draws.named("auroc_within", inside[0], mean_of(shares, draws.times, pairs))
    else:
        nothing = np.full(1, np.nan)
        for missing in ("auroc", "aupr", "auroc_within"):
            found |= draws.named(missing, float("nan"), nothing)
        found["auroc_p"] = float("nan")
    of_rank = spearman(score, wrong, document, np.vstack([once, draws.times]))
    found |= draws.named("spearman", float(of_rank[0]), of_rank[1:])
    inner = within(score, wrong, document)
    found |= draws.named(
        "spearman_within", float(mean_of(inner, once)[0]), mean_of(inner, draws.times)
    )
    outer = between(score, wrong, document, np.vstack([once, draws.times]))
    found |= draws.named("spearman_between", float(outer[0]), outer[1:])
    kept = [key for key in CONTROLS if key != name]
    variables = [items.controls[key] for key in kept]
    matrix = design([Basis.of(values) for values in variables], variables)
    free = partial(score, wrong, matrix, document, np.vstack([once, draws.times]))
    found |= draws.named("partial", float(free[0]), free[1:])
    found["partial_p"] = p_of_resamples(float(free[0]), 0.0, free[1:])
    return found


def _agreement(score: np.ndarray, outcome: np.ndarray) -> float:
    """Sign of the rank correlation on the items of the fit."""
    return float(ranks(score) @ ranks(outcome))


def _gain(
    study: Study, outcome: str, without: np.ndarray, with_k: np.ndarray, draws: Draws
) -> tuple[float, float, float]:
    items = study.evaluation
    wrong = items.outcomes[outcome]
    once = np.ones((1, items.n_documents), dtype=np.int64)
    both = np.vstack([once, draws.times])
    values = []
    for score in (with_k, without):
        if outcome == TOP1:
            groups = groups_of(score, items.document, most_groups=MOST_GROUPS)
            values.append(auroc_of(*resampled_counts(groups, wrong > 0.5, both)))
        else:
            values.append(spearman(score, wrong, items.document, both))
    difference = values[0] - values[1]
    return (float(difference[0]), *draws.interval(difference[1:]))


def columns_of(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Headings of tables, none twice."""
    return list(dict.fromkeys(str(name) for table in tables for name in table))
