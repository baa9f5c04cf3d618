"""The values of every score at every level, each score on its own: one that fails costs itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from semdim.failures import attempt
from semdim.uncertainty.level import all_levels
from semdim.uncertainty.level_choice import choose_level
from semdim.uncertainty.score import Score
from semdim.uncertainty.values import ScoreValues, TokenGrid, at_level, distance_to, token_grid
from semdim.uncertainty.verdict import LevelChoice

Value = TypeVar("Value")


class EveryScore:
    """Values of every score at every level, computed once per corpus.

    A score that fails anywhere is left out everywhere; `failed` has its reason.
    """

    def __init__(
        self, fit_rows: pd.DataFrame, id_name: str, scores: Sequence[Score], vocab_size: int
    ) -> None:
        self._scores = {score.base: score for score in reversed(scores)}
        self.failed: dict[str, str] = {}
        self._fitted: dict[str, Any] = {}
        for base, score in self._scores.items():
            self._fitted[base] = self.tried(base, score.fitted, fit_rows, vocab_size)
        self._fit = self.grids(fit_rows, id_name)
        self._centres: dict[tuple[str, str], ScoreValues] = {}

    def tried(self, base: str, work: Callable[..., Value], *arguments: Any) -> Value | None:
        """What ``work`` gives; None where it fails, and for a score that failed before."""
        if base in self.failed:
            return None
        found, reason = attempt(work, *arguments)
        if reason:
            self.failed[base] = reason
        return found

    def grids(self, rows: pd.DataFrame, corpus: str) -> dict[str, TokenGrid]:
        """Token values of each score on a corpus."""
        found = {
            base: self.tried(base, token_grid, score, rows, self._fitted.get(base), corpus)
            for base, score in self._scores.items()
        }
        return {base: grid for base, grid in found.items() if grid is not None}

    def choices(self) -> dict[str, LevelChoice]:
        """The level of each score, from the fit documents."""
        found = {
            base: self.tried(base, choose_level, grid, all_levels())
            for base, grid in self._fit.items()
        }
        return {base: choice for base, choice in found.items() if choice is not None}

    def at(self, grids: Mapping[str, TokenGrid], score: Score, level: str) -> ScoreValues:
        """One score at one level; a two-sided one as its distance from the fit documents."""
        values = at_level(grids[score.base], level)
        if not score.two_sided:
            return values
        key = score.base, level
        if key not in self._centres:
            self._centres[key] = at_level(self._fit[score.base], level)
        return distance_to(self._centres[key], values)
