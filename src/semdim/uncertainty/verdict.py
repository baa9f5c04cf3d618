"""The facts from which a report says, in words, what n_active is worth as a warning sign."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from semdim.uncertainty.evaluation import Cell
from semdim.uncertainty.levels import LEVELS
from semdim.uncertainty.metrics import percentile_interval
from semdim.uncertainty.scores import Score

CONTENDERS = ("n_active", "n_active_two_sided")


def _auroc(cell: Cell, confidence: float) -> dict[str, Any]:
    low: float | None = None
    high: float | None = None
    if cell.resampled is not None:
        low, high = percentile_interval(np.asarray(cell.resampled.auroc), confidence)
    return {"auroc": cell.point.auroc, "low": low, "high": high}


def compare(contender: Cell, other: Cell, confidence: float) -> dict[str, Any]:
    """AUROC of the contender minus the other's, paired over resampled documents.

    ``outcome`` is "better" or "worse" when the interval of the difference leaves out 0, else
    "undecided". Many comparisons are made and no correction is applied: read single ones with care.
    """
    low: float | None = None
    high: float | None = None
    outcome = "undecided"
    if contender.resampled is not None and other.resampled is not None:
        differences = np.asarray(contender.resampled.auroc) - np.asarray(other.resampled.auroc)
        low, high = percentile_interval(differences, confidence)
        outcome = "better" if low > 0 else "worse" if high < 0 else "undecided"
    return {
        "score": other.score.name,
        "family": other.score.family,
        "uses_labels": other.score.uses_labels,
        "auroc": other.point.auroc,
        "difference": float(contender.point.auroc) - float(other.point.auroc),
        "low": low,
        "high": high,
        "outcome": outcome,
    }


def record(against: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names of the scores without the label that a contender is better than, worse than, or cannot
    be told apart from (``compare``), in the order of the registry."""
    outcomes = ("better", "undecided", "worse")
    return {
        outcome: [
            str(entry["score"])
            for entry in against
            if entry["outcome"] == outcome and not entry["uses_labels"]
        ]
        for outcome in outcomes
    }


def direction(auroc: Mapping[str, Any]) -> str:
    """Whether the shift has "more" active atoms than ID text, "fewer", or "undecided" (of 0.5)."""
    if auroc["low"] is None:
        return "undecided"
    return "more" if auroc["low"] > 0.5 else "fewer" if auroc["high"] < 0.5 else "undecided"


def _best(cells: Sequence[Cell]) -> dict[str, Any]:
    best = max(cells, key=lambda cell: float(cell.point.auroc))
    return {"score": best.score.name, "auroc": best.point.auroc}


def _contender(cells: Mapping[str, Cell], name: str, confidence: float) -> dict[str, Any]:
    against = [
        compare(cells[name], other, confidence)
        for other in cells.values()
        if other.score.name not in CONTENDERS
    ]
    return {**_auroc(cells[name], confidence), "record": record(against), "against": against}


def by_shift(cells: Sequence[Cell], confidence: float) -> dict[str, Any]:
    """Per shift and level: n_active's AUROC, its direction, the best score, what it is better and
    worse than among the scores that need no label (perplexity does), and each comparison."""
    facts: dict[str, Any] = {}
    for shift in dict.fromkeys(cell.shift for cell in cells):
        levels: dict[str, Any] = {}
        for level in LEVELS:
            here = {c.score.name: c for c in cells if c.shift == shift and c.level == level}
            label_free = [cell for cell in here.values() if not cell.score.uses_labels]
            rivals = [cell for cell in label_free if cell.score.name not in CONTENDERS]
            levels[level] = {
                "direction": direction(_auroc(here["n_active"], confidence)),
                "best": _best(list(here.values())),
                "best_label_free": _best(label_free),
                "best_label_free_rival": _best(rivals) if rivals else None,
                "contenders": {
                    name: _contender(here, name, confidence) for name in CONTENDERS if name in here
                },
            }
        facts[shift] = levels
    return facts


def is_constant(tokens: Mapping[str, pd.DataFrame]) -> bool:
    """Whether n_active has one value on all the scored rows of all corpora (a TopK autoencoder)."""
    values = np.concatenate([np.unique(table["n_active"].to_numpy()) for table in tokens.values()])
    return len(np.unique(values)) == 1


def fixed_rule_summary(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What "k > 500" does here, position 0 left out: per corpus, next to Cantelli's bound."""
    keys = ("role", "sequence_rate", "token_rate", "token_rate_bound")
    rows = {
        row["corpus"]: {key: row[key] for key in keys}
        for row in rule["corpora"]
        if row["positions"] == "without_bos"
    }
    return {"rule": rule["rule"], "corpora": rows}


def guardrail_summary(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Threshold, promised and measured false alarms, and detection of the conformal guardrail."""
    keys = ("threshold", "false_alarm_rate", "measured_false_alarm_rate", "detection_rate")
    return {key: alarm[key] for key in keys}


def mean_n_active(sparsity: pd.DataFrame) -> dict[str, float]:
    """Mean n_active per corpus, position 0 left out, from Table 1."""
    rows = sparsity[sparsity["positions"] == "without_bos"]
    return dict(zip(rows["corpus"], rows["mean"].astype(float), strict=True))


def describe(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """The registry in words, for the report's table."""
    return {
        score.name: {
            "meaning": score.meaning,
            "family": score.family,
            "uses_labels": score.uses_labels,
            "two_sided": score.two_sided,
        }
        for score in scores
    }
