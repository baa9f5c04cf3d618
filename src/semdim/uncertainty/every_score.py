"""The values of every score at every level, each score on its own: one that fails costs itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from semdim.failures import attempt
from semdim.ledger.rows import EXACT_ROWS, Rows, first_documents, stretches
from semdim.uncertainty.level import all_levels
from semdim.uncertainty.level_choice import choose_level
from semdim.uncertainty.score import Score
from semdim.uncertainty.values import (
    Collected,
    LevelValues,
    ScoreValues,
    SharedArrays,
    distance_to,
)
from semdim.uncertainty.verdict import LevelChoice

Value = TypeVar("Value")
FIT_ROWS = 2**24
"""Rows that a score is fitted on, at most."""
KEPT = {"document", "sequence", "is_last"}
"""Columns that every score's values are made with, beside those that it reads."""


class EveryScore:
    """Values of every score at every level, computed once per corpus.

    A score that fails anywhere is left out everywhere; `failed` has its reason.
    """

    def __init__(
        self, fit_rows: Rows, id_name: str, scores: Sequence[Score], vocab_size: int
    ) -> None:
        self._scores = {score.base: score for score in reversed(scores)}
        self.failed: dict[str, str] = {}
        self._fitted: dict[str, Any] = {}
        for base, score in self._scores.items():
            self._fitted[base] = self.tried(base, fitted_on, score, fit_rows, vocab_size)
        self.fit = self.levels(fit_rows, id_name, with_halves=True)

    def tried(self, base: str, work: Callable[..., Value], *arguments: Any) -> Value | None:
        """What ``work`` gives; None where it fails, and for a score that failed before."""
        if base in self.failed:
            return None
        found, reason = attempt(work, *arguments)
        if reason:
            self.failed[base] = reason
        return found

    def levels(
        self, rows: Rows, corpus: str, *, with_halves: bool = False
    ) -> dict[str, LevelValues]:
        """Each score on a corpus at every level, in one pass over its rows."""
        last = first_documents(rows, EXACT_ROWS)
        shared = SharedArrays()
        found = {
            base: Collected(score, self._fitted.get(base), corpus, with_halves, last, shared=shared)
            for base, score in self._scores.items()
        }
        columns = {name for score in self._scores.values() for name in score.reads}
        for part in stretches(rows, sorted(columns | KEPT)):
            shared.next_stretch()
            for base, collected in found.items():
                self.tried(base, collected.add, part)
        values = {base: self.tried(base, collected.all) for base, collected in found.items()}
        return {base: value for base, value in values.items() if value is not None}

    def choices(self) -> dict[str, LevelChoice]:
        """The level of each score, from the fit documents."""
        found = {
            base: self.tried(base, choose_level, values.halves, all_levels())
            for base, values in self.fit.items()
        }
        return {base: choice for base, choice in found.items() if choice is not None}

    def at(self, values: Mapping[str, LevelValues], score: Score, level: str) -> ScoreValues:
        """One score at one level; a two-sided one as its distance from the fit documents."""
        found = values[score.base].levels[level]
        if not score.two_sided:
            return found
        return distance_to(self.fit[score.base].levels[level], found)


def fitted_on(score: Score, fit_rows: Rows, vocab_size: int) -> Any:
    """What a score learns of the ID fit documents; None where it learns nothing."""
    return None if score.fit is None else score.fitted(fit_frame(fit_rows, score), vocab_size)


def fit_frame(fit_rows: Rows, score: Score) -> pd.DataFrame:
    """The rows that a score is fitted on, in memory: of the ID fit documents, or of the first of
    them that have `FIT_ROWS` rows together."""
    last, found = first_documents(fit_rows, FIT_ROWS), []
    for rows in stretches(fit_rows, sorted({*score.reads, "document"})):
        found.append(rows if last is None else rows[rows["document"] <= last])
    return found[0] if len(found) == 1 else pd.concat(found, ignore_index=True)
