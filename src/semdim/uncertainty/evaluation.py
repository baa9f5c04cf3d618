"""Every score against every shift at every level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.progress import progress
from semdim.uncertainty.metrics import (
    Separation,
    draw_multiplicities,
    percentile_interval,
    rank,
    resampled_separation,
    roc_points,
    separation,
)
from semdim.uncertainty.rows import generator
from semdim.uncertainty.score import Score
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.values import LEVELS, ScoreValues, at_level, distance_to
from semdim.uncertainty.verdict import Level

UNCERTAINTY_COLUMNS = (
    "score", "shift", "level", "auroc", "auroc_low", "auroc_high", "aupr", "fpr_at_95_tpr", "n_id",
    "n_ood", "aupr_low", "aupr_high", "fpr_low", "fpr_high", "n_id_documents", "n_ood_documents",
    "family", "uses_labels",
)  # fmt: skip
ROC_COLUMNS = ("score", "shift", "level", "false_positive_rate", "true_positive_rate")


@dataclass(frozen=True)
class Cell:
    """One score on one shift at one level."""

    score: Score
    """The score."""
    shift: str
    """Name of the OOD corpus."""
    level: Level
    """Unit that is ranked."""
    point: Separation
    """Metrics on the corpora as they are."""
    resampled: Separation | None
    """The same on each resample of documents; None when a corpus has only one document. Resample i
    draws the same documents for every score, so differences between scores are paired."""
    roc: Float[np.ndarray, "points 2"] | None
    """ROC points (false, true positive rate), for sequences only."""
    n_id: int
    """ID items ranked."""
    n_ood: int
    """OOD items ranked."""
    n_id_documents: int
    """Documents behind the ID items."""
    n_ood_documents: int
    """Documents behind the OOD items."""


def _codes(rows: pd.DataFrame) -> tuple[Int[np.ndarray, " documents"], int]:
    distinct = np.unique(rows["document"].to_numpy(dtype=np.int64))
    return distinct, len(distinct)


def evaluate(
    fit_rows: pd.DataFrame,
    id_rows: pd.DataFrame,
    shifts: Mapping[str, pd.DataFrame],
    scores: Sequence[Score],
    spec: UncertaintySpec,
    seed: int,
    id_name: str,
    vocab_size: int,
) -> list[Cell]:
    """All cells, by shift, then score, then level.

    Args:
        fit_rows: counted rows of the ID fit documents: what scores learn from, and what two-sided
            scores are centred on.
        id_rows: counted rows of the ID evaluation documents, the negatives.
        shifts: counted rows of each OOD corpus, the positives.
        scores: the scores to compare.
        spec: settings.
        seed: of the whole run.
        id_name: name of the ID corpus, for messages.
        vocab_size: number of token ids of the model.

    Raises ``DataError`` for values that are missing, not finite, or on one side only.
    """
    id_documents, n_id_documents = _codes(id_rows)
    id_draws = draw_multiplicities(
        n_id_documents, spec.n_resamples, generator(seed, "bootstrap/id")
    )
    fitted = {score.name: score.fitted(fit_rows, vocab_size) for score in scores}
    known: dict[tuple[str, Level], tuple[ScoreValues, ScoreValues | None]] = {}
    for score in scores:
        for level in LEVELS:
            about = fitted[score.name]
            centre = at_level(score, fit_rows, about, id_name, level) if score.two_sided else None
            values = at_level(score, id_rows, about, id_name, level)
            if centre is not None:
                values = distance_to(centre, values)
            known[score.name, level] = values, centre

    def cell(score: Score, level: Level, shift: str, draws: np.ndarray | None) -> Cell:
        negatives, centre = known[score.name, level]
        positives = at_level(score, shifts[shift], fitted[score.name], shift, level)
        if centre is not None:
            positives = distance_to(centre, positives)
        resampled = None
        documents, n_documents = _codes(shifts[shift])
        if draws is not None:
            ranking = rank(
                negatives.value,
                np.searchsorted(id_documents, negatives.document),
                positives.value,
                np.searchsorted(documents, positives.document),
                n_id_documents,
            )
            resampled = resampled_separation(ranking, draws)
        return Cell(
            score=score,
            shift=shift,
            level=level,
            point=separation(negatives.value, positives.value),
            resampled=resampled,
            roc=None
            if level == "token"
            else roc_points(negatives.value, positives.value, spec.roc_points),
            n_id=len(negatives.value),
            n_ood=len(positives.value),
            n_id_documents=n_id_documents,
            n_ood_documents=n_documents,
        )

    cells: list[Cell] = []
    work = [(shift, score) for shift in shifts for score in scores]
    draws_of: dict[str, np.ndarray | None] = {}
    for shift, rows in shifts.items():
        _, n_documents = _codes(rows)
        rng = generator(seed, f"bootstrap/{shift}")
        draws_of[shift] = (
            np.hstack([id_draws, draw_multiplicities(n_documents, spec.n_resamples, rng)])
            if min(n_id_documents, n_documents) > 1
            else None
        )
    for shift, score in progress(work, total=len(work), unit="scores", desc="OOD scores"):
        cells.extend(cell(score, level, shift, draws_of[shift]) for level in LEVELS)
    return cells


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
    """ROC points of the sequence levels (``ROC_COLUMNS``)."""
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
        if cell.roc is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ROC_COLUMNS))
