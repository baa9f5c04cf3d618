"""What another sample of fit documents would have changed: the fit's part of an interval.

A score that learns from the fit documents (a covariance, clusters, token frequencies, the centre of
a two-sided form) would have another AUROC had it been fitted on others. A bootstrap over evaluation
documents alone is an interval for *this* fit. Here the fit documents are drawn again with
replacement, the score is fitted on each draw, and what that does to the metric is added to the
resamples: resample i takes the deviation of refit i mod B from the mean over refits, scaled by
√(B/(B − 1)) because that mean has eaten a degree of freedom. The sum takes the two samples of
documents to act independently, which they do: no document is in both.

A resample of documents holds 63 % of them, some twice, so that a refit knows less than the fit.
Only the deviations between refits are used, not their level.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.ledger.rows import Rows, documents_of, stretches
from semdim.uncertainty.every_score import KEPT, fit_frame
from semdim.uncertainty.level import all_levels
from semdim.uncertainty.metrics import Separation, draw_multiplicities, separation
from semdim.uncertainty.rows import generator
from semdim.uncertainty.score import Score
from semdim.uncertainty.values import (
    TOKEN,
    Collected,
    LevelValues,
    ScoreValues,
    distance_to,
)

METRICS = ("auroc", "aupr", "fpr_at_95_tpr")


def refit_draws(n_fit_documents: int, n_refits: int, seed: int) -> Int[np.ndarray, "refits docs"]:
    """How often each fit document, in ascending order, is in each refit."""
    return draw_multiplicities(n_fit_documents, n_refits, generator(seed, "refits"))


def refit_column(name: str, refit: int) -> str:
    """The column that holds a score of a refit, empty at sequences that it did not score."""
    return f"{name}_refit{refit}"


def refit_columns(tables: Mapping[str, Rows]) -> set[str]:
    """Columns of refits that every table has."""
    shared = set.intersection(*(set(map(str, table.columns)) for table in tables.values()))
    return {name for name in shared if "_refit" in name}


@dataclass
class FitVariation:
    """Refits of every score, on the same draws of fit documents."""

    fit_rows: Rows
    """Counted rows of the ID fit documents."""
    id_rows: Rows
    """Counted rows of the ID evaluation documents."""
    n_refits: int
    """B; 0: intervals are those of this fit."""
    seed: int
    """Of the whole run."""
    vocab_size: int
    """Of the model, for what scores fit."""
    _kept: dict[tuple[str, str, int], Mapping[str, ScoreValues] | None] = field(
        default_factory=dict
    )
    _scored: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._documents = documents_of(self.fit_rows)
        self._draws = refit_draws(len(self._documents), self.n_refits, self.seed)

    def know(self, name: str, values: Mapping[str, LevelValues]) -> None:
        """What every score is on some rows with the fit of the study: of the fit documents
        (``fit``), of the evaluation documents (empty), or of a shift (``shift NAME``)."""
        for base, found in values.items():
            self._kept[base, name, -1] = {
                level: value for level, value in found.levels.items() if level != TOKEN
            }

    def of(
        self, score: Score, rows: Rows, shift: str
    ) -> dict[str, Float[np.ndarray, "refits metrics"]]:
        """By level statistic, the metrics (`METRICS`) of each refit on the same sequences.

        Empty for a score that is not fitted, and where the refits scored none of the shift's.
        """
        refitted = score.fit is not None or self._has_columns(score)
        if self.n_refits < 2 or not (score.two_sided or refitted):
            return {}
        found: dict[str, list[list[float]]] = {level.name: [] for level in all_levels()}
        for refit in range(self.n_refits):
            which = refit if refitted else -1
            parts = [
                self._values(score, name, table, which)
                for name, table in (("", self.id_rows), (f"shift {shift}", rows))
            ]
            centre = self._values(score, "fit", self.fit_rows, which) if score.two_sided else {}
            if any(part is None for part in (*parts, centre)):
                return {}
            for level, values in found.items():
                sides = [part[level] for part in parts if part is not None]
                if score.two_sided and centre is not None:
                    around = self._repeated(centre[level], refit)
                    sides = [distance_to(around, side) for side in sides]
                point = separation(sides[0].value, sides[1].value)
                values.append([float(getattr(point, name)) for name in METRICS])
        return {level: np.array(values) for level, values in found.items()}

    def _has_columns(self, score: Score) -> bool:
        return any(refit_column(name, 0) in self.id_rows.columns for name in score.reads)

    def _values(
        self, score: Score, name: str, rows: Rows, refit: int
    ) -> Mapping[str, ScoreValues] | None:
        """A score's sequences by level, before centring; None when there are none."""
        key = (score.base, name, refit)
        if key not in self._kept:
            self._kept[key] = self._computed(score, name, rows, refit)
        return self._kept[key]

    def _computed(
        self, score: Score, name: str, rows: Rows, refit: int
    ) -> Mapping[str, ScoreValues] | None:
        if refit >= 0 and self._has_columns(score):
            columns = {column: refit_column(column, refit) for column in score.reads}
            scored = self._of_refits(name, rows)
            kept = scored[scored[list(columns.values())].notna().all(axis=1)]
            rows = kept.assign(**{column: kept[other] for column, other in columns.items()})
            if rows.empty:
                return None
        fitted: Any = None
        if score.fit is not None:
            fit_rows = fit_frame(self.fit_rows, score)
            if refit >= 0:
                times = self._times(fit_rows["document"].to_numpy(dtype=np.int64), refit)
                fit_rows = fit_rows.loc[fit_rows.index.repeat(times)]
            fitted = score.fitted(fit_rows, self.vocab_size)
        found = Collected(score, fitted, name or "ID", with_tokens=False)
        for part in stretches(rows, sorted({*score.reads, *KEPT})):
            found.add(part)
        return found.all().levels

    def _of_refits(self, name: str, rows: Rows) -> pd.DataFrame:
        """The rows that any refit scored, which are few, with every column of a refit."""
        if name not in self._scored:
            columns = [column for column in rows.columns if "_refit" in str(column)]
            parts = [
                part[part[columns].notna().any(axis=1)]
                for part in stretches(rows, sorted({*columns, *KEPT}))
            ]
            self._scored[name] = parts[0] if len(parts) == 1 else pd.concat(parts)
        return self._scored[name]

    def _times(self, document: Int[np.ndarray, " rows"], refit: int) -> Int[np.ndarray, " rows"]:
        times: np.ndarray = self._draws[refit][np.searchsorted(self._documents, document)]
        return times

    def _repeated(self, values: ScoreValues, refit: int) -> ScoreValues:
        """The fit documents' values, each as often as its document is in the refit; those that
        were scored, where none of them is in it."""
        times = self._times(values.document, refit)
        if not times.any():
            return values
        return ScoreValues(values.value.repeat(times), values.document.repeat(times))


def with_fit(
    resampled: Separation, of_refits: Float[np.ndarray, "refits metrics"] | None
) -> Separation:
    """Resampled metrics with the deviations of refits added; shares stay within [0, 1].

    Args:
        resampled: arrays over resamples of evaluation documents.
        of_refits: the metrics of each refit (`METRICS`); None: the score is not fitted.
    """
    if of_refits is None:
        return resampled
    n_refits = len(of_refits)
    deviation = (of_refits - of_refits.mean(axis=0)) * np.sqrt(n_refits / (n_refits - 1))
    n_resamples = len(np.asarray(resampled.auroc))
    added = deviation[np.arange(n_resamples) % n_refits]
    values = {
        name: np.clip(np.asarray(getattr(resampled, name)) + added[:, column], 0.0, 1.0)
        for column, name in enumerate(METRICS)
    }
    return replace(resampled, **values)


def evenly(allowed: Bool[np.ndarray, " sequences"], most: int) -> Int[np.ndarray, " chosen"]:
    """Numbers of at most ``most`` sequences, spread over those that are allowed."""
    there = np.flatnonzero(allowed)
    if len(there) <= most:
        return there
    return there[np.linspace(0, len(there) - 1, most).round().astype(int)]
