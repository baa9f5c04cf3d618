"""What n_active is worth as a warning sign, compared with every other score."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from semdim.ledger.rows import Rows, stretches
from semdim.uncertainty.evaluation import Cell
from semdim.uncertainty.guardrail import FixedRule, Guardrail
from semdim.uncertainty.metrics import percentile_interval
from semdim.uncertainty.score import Score
from semdim.uncertainty.verdict import (
    AlarmSummary,
    Best,
    Comparison,
    Contender,
    Direction,
    LevelVerdict,
    Outcome,
    RuleRates,
    RuleSummary,
    ScoreFacts,
    Standing,
)

CONTENDERS = ("n_active", "n_active_two_sided")


def _interval(cell: Cell, confidence: float) -> tuple[float | None, float | None]:
    """Of the AUROC; None for a corpus of a single document."""
    if cell.resampled is None:
        return None, None
    return percentile_interval(np.asarray(cell.resampled.auroc), confidence)


def compare(contender: Cell, other: Cell, confidence: float) -> Comparison:
    """AUROC of the contender minus the other's, paired over resampled documents."""
    low: float | None = None
    high: float | None = None
    outcome: Outcome = "undecided"
    if contender.resampled is not None and other.resampled is not None:
        differences = np.asarray(contender.resampled.auroc) - np.asarray(other.resampled.auroc)
        low, high = percentile_interval(differences, confidence)
        outcome = "better" if low > 0 else "worse" if high < 0 else "undecided"
    return Comparison(
        score=other.score.name,
        family=other.score.family,
        uses_labels=other.score.uses_labels,
        auroc=float(other.point.auroc),
        difference=float(contender.point.auroc) - float(other.point.auroc),
        low=low,
        high=high,
        outcome=outcome,
    )


def standing(against: Sequence[Comparison]) -> Standing:
    """The other scores without the label by outcome, in their order."""

    def names(outcome: Outcome) -> tuple[str, ...]:
        return tuple(
            found.score for found in against if found.outcome == outcome and not found.uses_labels
        )

    return Standing(names("better"), names("undecided"), names("worse"))


def direction(low: float | None, high: float | None) -> Direction:
    """Where the interval of n_active's AUROC lies: above 0.5 the shift has "more" active atoms than
    ID text, below it "fewer"; "undecided" around it and without an interval."""
    if low is None or high is None:
        return "undecided"
    return "more" if low > 0.5 else "fewer" if high < 0.5 else "undecided"


def _best(cells: Sequence[Cell]) -> Best:
    best = max(cells, key=lambda cell: float(cell.point.auroc))
    return Best(best.score.name, float(best.point.auroc))


def _contender(cells: Mapping[str, Cell], name: str, confidence: float) -> Contender:
    own = cells[name]
    others = [
        cell
        for cell in cells.values()
        if cell.score.name not in CONTENDERS and cell.score.two_sided == own.score.two_sided
    ]
    against = tuple(compare(own, other, confidence) for other in others)
    rivals = [other for other in others if not other.score.uses_labels]
    return Contender(
        float(own.point.auroc),
        *_interval(own, confidence),
        record=standing(against),
        best_rival=_best(rivals) if rivals else None,
        against=against,
    )


def _level(cells: Mapping[str, Cell], confidence: float) -> LevelVerdict:
    label_free = [cell for cell in cells.values() if not cell.score.uses_labels]
    rivals = [cell for cell in label_free if cell.score.name not in CONTENDERS]
    return LevelVerdict(
        direction=direction(*_interval(cells["n_active"], confidence)),
        best=_best(list(cells.values())),
        best_label_free=_best(label_free),
        best_label_free_rival=_best(rivals) if rivals else None,
        contenders={
            name: _contender(cells, name, confidence) for name in CONTENDERS if name in cells
        },
    )


def by_shift(cells: Sequence[Cell], confidence: float) -> dict[str, dict[str, LevelVerdict]]:
    """Per shift and level: n_active's AUROC, its direction, the best score, what it is better and
    worse than among the scores of its sidedness that need no label (perplexity does), and each
    comparison."""
    at: dict[str, dict[str, dict[str, Cell]]] = {}
    for cell in cells:
        at.setdefault(cell.shift, {}).setdefault(cell.level, {})[cell.score.name] = cell
    return {
        shift: {level: _level(found, confidence) for level, found in levels.items()}
        for shift, levels in at.items()
    }


def is_constant(tokens: Mapping[str, Rows]) -> bool:
    """Whether n_active has one value on all counted rows of all corpora (a TopK autoencoder)."""
    values = {
        int(value)
        for table in tokens.values()
        for rows in stretches(table, ("n_active",))
        for value in np.unique(rows["n_active"].to_numpy())
    }
    return len(values) == 1


def fixed_rule_summary(rule: FixedRule) -> RuleSummary:
    """What "k > 500" does here, position 0 left out: per corpus, next to Cantelli's bound."""
    rows = {
        row.corpus: RuleRates(row.role, row.sequence_rate, row.token_rate, row.token_rate_bound)
        for row in rule.corpora
        if row.positions == "without_bos"
    }
    return RuleSummary(rule.rule, rows)


def alarm_summary(guardrail: Guardrail) -> AlarmSummary:
    """Statistics, promised and measured false alarms, and detection of the conformal guardrail."""
    measured = guardrail.measured
    return AlarmSummary(
        tuple(dict.fromkeys(limit.statistic for limit in guardrail.alarm.limits)),
        guardrail.alarm.false_alarm_rate,
        measured.false_alarms.rate,
        {name: rates.rate for name, rates in measured.detection.items()},
    )


def mean_n_active(sparsity: pd.DataFrame) -> dict[str, float]:
    """Mean n_active per corpus, position 0 left out, from Table 1."""
    rows = sparsity[sparsity["positions"] == "without_bos"]
    return dict(zip(rows["corpus"], rows["mean"].astype(float), strict=True))


def describe(scores: Sequence[Score]) -> dict[str, ScoreFacts]:
    """The scores in words, for the report's table."""
    return {
        score.name: ScoreFacts(score.meaning, score.family, score.uses_labels, score.two_sided)
        for score in scores
    }
