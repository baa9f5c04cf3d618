"""Every score against every shift at every level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float

from semdim.errors import DataError
from semdim.ledger.rows import Rows
from semdim.progress import progress
from semdim.uncertainty.every_score import EveryScore
from semdim.uncertainty.level import all_levels
from semdim.uncertainty.level_choice import CHOSEN
from semdim.uncertainty.metrics import (
    Separation,
    percentile_interval,
    rank,
    resampled_separation,
    roc_points,
    separation,
)
from semdim.uncertainty.refits import FitVariation, with_fit
from semdim.uncertainty.resampling import Resampling
from semdim.uncertainty.score import Score
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.values import (
    TOKEN,
    LevelValues,
    ScoreValues,
)
from semdim.uncertainty.verdict import LevelChoice

UNCERTAINTY_COLUMNS = (
    "score", "shift", "level", "auroc", "auroc_low", "auroc_high", "aupr", "fpr_at_95_tpr", "n_id",
    "n_ood", "aupr_low", "aupr_high", "fpr_low", "fpr_high", "n_id_documents", "n_ood_documents",
    "family", "uses_labels", "two_sided", "fit_deviation",
)  # fmt: skip
ROC_COLUMNS = ("score", "shift", "level", "false_positive_rate", "true_positive_rate")


@dataclass(frozen=True)
class Cell:
    """One score on one shift at one level."""

    score: Score
    """The score."""
    shift: str
    """Name of the OOD corpus."""
    level: str
    """Unit that is ranked: ``token``, a level statistic, or ``chosen``."""
    point: Separation
    """Metrics on the corpora as they are."""
    resampled: Separation | None
    """The same on each resample of documents; None when a corpus has only one document. Resample i
    draws the same documents for every score, and takes the same refit of those that are fitted
    (``refits``), so differences between scores are paired."""
    roc: Float[np.ndarray, "points 2"] | None
    """ROC points (false, true positive rate), for the chosen level only."""
    n_id: int
    """ID items ranked."""
    n_ood: int
    """OOD items ranked."""
    n_id_documents: int
    """Documents behind the ID items."""
    n_ood_documents: int
    """Documents behind the OOD items."""
    fit_deviation: float | None = None
    """Standard deviation of the AUROC over refits; None: the score is not fitted, or the level is
    that of tokens, whose intervals are those of this fit."""


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found."""

    cells: tuple[Cell, ...]
    """By shift, then score, then level; the level ``chosen`` last."""
    choices: dict[str, LevelChoice]
    """By score (a two-sided form takes the level of its score)."""
    left_out: dict[str, str]
    """Why a score is missing, in all its forms, by its name."""


def evaluate(
    fit_rows: Rows,
    id_rows: Rows,
    shifts: Mapping[str, Rows],
    scores: Sequence[Score],
    spec: UncertaintySpec,
    seed: int,
    id_name: str,
    vocab_size: int,
) -> Evaluation:
    """Every score on every shift at every level, and at the level chosen for it.

    Args:
        fit_rows: counted rows of the ID fit documents: what scores learn from, what two-sided
            scores are centred on, and what the level of each score is chosen on.
        id_rows: counted rows of the ID evaluation documents, the negatives.
        shifts: counted rows of each OOD corpus, the positives, with the column ``origin``.
        scores: the scores to compare.
        spec: settings.
        seed: of the whole run.
        id_name: name of the ID corpus, for messages.
        vocab_size: number of token ids of the model.

    A score whose values cannot be had (they are missing, not finite, or its code fails) is left out
    and named. Raises ``DataError`` when that is n_active.
    """
    values = EveryScore(fit_rows, id_name, scores, vocab_size)
    choices = values.choices()
    of_id = values.levels(id_rows, id_name)
    cells: list[Cell] = []
    work = [(shift, score) for shift in shifts for score in scores]
    of_shift: dict[str, LevelValues] = {}
    variation = FitVariation(fit_rows, id_rows, spec.n_refits, seed, vocab_size)
    variation.know("fit", values.fit)
    variation.know("", of_id)
    seen, resampling = "", Resampling.of(id_rows, id_rows, spec.n_resamples, seed, id_name)
    for shift, score in progress(work, total=len(work), unit="scores", desc="OOD scores"):
        if shift != seen:
            seen, of_shift = shift, values.levels(shifts[shift], shift)
            variation.know(f"shift {shift}", of_shift)
            resampling = Resampling.of(id_rows, shifts[shift], spec.n_resamples, seed, shift)
        cells += values.tried(
            score.base, _cells, values, of_id, of_shift, score, shift, resampling,
            choices.get(score.base), spec.roc_points, variation, shifts[shift],
        ) or []  # fmt: skip
    failed = values.failed
    if "n_active" in failed:
        raise DataError(f"There is no study without n_active: {failed['n_active']}")
    return Evaluation(
        cells=tuple(cell for cell in cells if cell.score.base not in failed),
        choices={base: choice for base, choice in choices.items() if base not in failed},
        left_out=dict(failed),
    )


def _at_levels(
    values: EveryScore, found: Mapping[str, LevelValues], score: Score
) -> dict[str, ScoreValues]:
    """A score at every level."""
    return {level: values.at(found, score, level) for level in level_names()}


def _cells(
    values: EveryScore,
    of_id: Mapping[str, LevelValues],
    of_shift: Mapping[str, LevelValues],
    score: Score,
    shift: str,
    resampling: Resampling,
    choice: LevelChoice,
    roc_points: int,
    variation: FitVariation,
    shift_rows: Rows,
) -> list[Cell]:
    """A score on a shift at every level, and at the level chosen for it."""
    refits = variation.of(score, shift_rows, shift)
    negatives = _at_levels(values, of_id, score)
    found = [
        _cell(
            score, shift, level, negatives[level], positives, resampling,
            roc_points if level == choice.level else 0, refits.get(level),
        )
        for level, positives in _at_levels(values, of_shift, score).items()
    ]  # fmt: skip
    chosen = next(cell for cell in found if cell.level == choice.level)
    return [*found, replace(chosen, level=CHOSEN)]


def level_names() -> tuple[str, ...]:
    """The level of single tokens, and every level statistic."""
    return (TOKEN, *(level.name for level in all_levels()))


def _cell(
    score: Score,
    shift: str,
    level: str,
    negatives: ScoreValues,
    positives: ScoreValues,
    resampling: Resampling,
    roc_most: int,
    of_refits: Float[np.ndarray, "refits metrics"] | None = None,
) -> Cell:
    resampled = None
    if resampling.draws is not None:
        ranking = rank(
            negatives.value,
            np.searchsorted(resampling.id_documents, negatives.document),
            positives.value,
            np.searchsorted(resampling.ood_documents, positives.document),
            len(resampling.id_documents),
        )
        resampled = with_fit(resampled_separation(ranking, resampling.draws), of_refits)
    return Cell(
        score=score,
        shift=shift,
        level=level,
        point=separation(negatives.value, positives.value),
        resampled=resampled,
        roc=roc_points(negatives.value, positives.value, roc_most) if roc_most else None,
        n_id=len(negatives.value),
        n_ood=len(positives.value),
        n_id_documents=len(resampling.id_documents),
        n_ood_documents=len(resampling.ood_documents),
        fit_deviation=None if of_refits is None else float(of_refits[:, 0].std(ddof=1)),
    )


def uncertainty_table(cells: Sequence[Cell], confidence: float) -> pd.DataFrame:
    """A row per cell (``UNCERTAINTY_COLUMNS``); intervals are empty where there are none."""
    rows = []
    for cell in cells:
        row = {
            "score": cell.score.name,
            "shift": cell.shift,
            "level": cell.level,
            "auroc": cell.point.auroc,
            "aupr": cell.point.aupr,
            "fpr_at_95_tpr": cell.point.fpr_at_95_tpr,
            "n_id": cell.n_id,
            "n_ood": cell.n_ood,
            "n_id_documents": cell.n_id_documents,
            "n_ood_documents": cell.n_ood_documents,
            "family": cell.score.family,
            "uses_labels": cell.score.uses_labels,
            "two_sided": cell.score.two_sided,
            "fit_deviation": cell.fit_deviation,
        }
        resampled = cell.resampled
        if resampled is not None:
            for prefix, values in (
                ("auroc", resampled.auroc),
                ("aupr", resampled.aupr),
                ("fpr", resampled.fpr_at_95_tpr),
            ):
                low, high = percentile_interval(np.asarray(values), confidence)
                row[f"{prefix}_low"], row[f"{prefix}_high"] = low, high
        rows.append(row)
    return pd.DataFrame(rows, columns=list(UNCERTAINTY_COLUMNS))


def roc_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """ROC points (``ROC_COLUMNS``), each score at its chosen level."""
    parts = [
        pd.DataFrame(
            {
                "score": cell.score.name,
                "shift": cell.shift,
                "level": cell.level,
                "false_positive_rate": cell.roc[:, 0],
                "true_positive_rate": cell.roc[:, 1],
            }
        )
        for cell in cells
        if cell.roc is not None and cell.level == CHOSEN
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ROC_COLUMNS))
