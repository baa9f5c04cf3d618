"""From a score's token values to the values of sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.uncertainty.level import LEVEL_STATISTICS, LevelStatistic, all_levels
from semdim.uncertainty.rows import sequence_starts
from semdim.uncertainty.score import Score

TOKEN = "token"
"""The level at which every token stands for itself."""


@dataclass(frozen=True)
class ScoreValues:
    """Values of one score on one corpus at one level, and the document each belongs to."""

    value: Float[np.ndarray, " items"]
    """Higher = more out of distribution."""
    document: Int[np.ndarray, " items"]
    """Document of each item: the unit that is resampled."""


@dataclass(frozen=True)
class TokenGrid:
    """Token values of one score on one corpus, a row per sequence."""

    value: Float[np.ndarray, "sequences positions"]
    """Values from the first token that counts on; 0 behind the last one."""
    mask: Bool[np.ndarray, "sequences positions"]
    """Where there is a value."""
    document: Int[np.ndarray, " sequences"]
    """Document of each sequence."""


class Halves(NamedTuple):
    """A level statistic of the odd and of the even tokens of each sequence that has both."""

    odd: Float[np.ndarray, " sequences"]
    even: Float[np.ndarray, " sequences"]


def halves(grid: TokenGrid, level: LevelStatistic) -> Halves:
    """The statistic of either half; sequences with less than two tokens are left out."""
    odd = np.arange(grid.mask.shape[1]) % 2 == 1
    masks = [grid.mask & odd, grid.mask & ~odd]
    there = masks[0].any(axis=1) & masks[1].any(axis=1)
    if not there.any():
        return Halves(np.zeros(0), np.zeros(0))
    return Halves(*(level.statistic(grid.value[there], mask[there]) for mask in masks))


def score_values(score: Score, rows: pd.DataFrame, fitted: Any, corpus: str) -> ScoreValues:
    """Token values of a score over counted rows (ordered by sequence and position).

    ``fitted`` is what the score knows of the ID corpus (``Score.fitted``).
    Raises ``DataError`` for a value that is missing or not finite anywhere but at a last position
    where the score is undefined.
    """
    if not score.at_last_position:
        rows = rows[~rows["is_last"].to_numpy(dtype=bool)]
    value = score.value(rows, fitted)
    bad = int((~np.isfinite(value)).sum())
    if bad:
        raise DataError(
            f"{bad} of {value.size} values of {score.base!r} on corpus {corpus!r} are missing or "
            f"not finite (from ledger columns {', '.join(score.reads)}); recompute that ledger."
        )
    return ScoreValues(value=value, document=rows["document"].to_numpy(dtype=np.int64))


def token_grid(score: Score, rows: pd.DataFrame, fitted: Any, corpus: str) -> TokenGrid:
    """The same with a row per sequence, as level statistics read it.

    Raises ``DataError`` as ``score_values``, and when a sequence has no token on which the score is
    defined.
    """
    tokens = score_values(score, rows, fitted, corpus)
    sequence = rows["sequence"].to_numpy()
    n_sequences = len(sequence_starts(sequence))
    if not score.at_last_position:
        sequence = sequence[~rows["is_last"].to_numpy(dtype=bool)]
    starts = sequence_starts(sequence) if sequence.size else np.array([], dtype=np.int64)
    if len(starts) < n_sequences:
        raise DataError(
            f"{n_sequences - len(starts)} sequence(s) of corpus {corpus!r} have no token on which "
            f"{score.base!r} is defined; a sequence needs at least 3 positions."
        )
    length = np.diff(np.append(starts, len(sequence)))
    mask = np.arange(length.max()) < length[:, None]
    value = np.zeros(mask.shape)
    value[mask] = tokens.value
    return TokenGrid(value=value, mask=mask, document=tokens.document[starts])


def at_level(grid: TokenGrid, level: str) -> ScoreValues:
    """Values per token (level ``token``), or a level statistic of each sequence, before centring.

    Raises ``ConfigError`` for an unknown level.
    """
    if level == TOKEN:
        document = np.broadcast_to(grid.document[:, None], grid.mask.shape)
        return ScoreValues(value=grid.value[grid.mask], document=document[grid.mask])
    value = LEVEL_STATISTICS[level].statistic(grid.value, grid.mask)
    return ScoreValues(value=value, document=grid.document)


@dataclass(frozen=True)
class LevelValues:
    """One score on one corpus at every level, before centring."""

    levels: Mapping[str, ScoreValues]
    """By level, ``token`` among them."""
    halves: Mapping[str, Halves]
    """By level statistic; empty where they were not asked for."""


class SharedArrays:
    """Arrays of equal content, in memory once."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._wholes: dict[tuple[int, ...], np.ndarray] = {}

    def next_stretch(self) -> None:
        """Forget the parts of the last stretch: no others are like them."""
        self._parts = []

    def part(self, array: np.ndarray) -> np.ndarray:
        """The array, or an equal one of this stretch."""
        for other in self._parts:
            if np.array_equal(array, other):
                return other
        self._parts.append(array)
        return array

    def whole(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """The parts in a row; of the same parts the same array. They must be in use till then."""
        key = tuple(map(id, parts))
        if key not in self._wholes:
            self._wholes[key] = _together(parts)
        return self._wholes[key]


@dataclass
class Collected:
    """`LevelValues` of rows that come a stretch at a time.

    Every level of a sequence is taken as it comes, so that a corpus's token values are in memory
    for a stretch alone; those of the level ``token`` are kept of the documents up to ``last``.
    """

    score: Score
    """Whose values they are."""
    fitted: Any
    """What it knows of the ID corpus."""
    corpus: str
    """For messages."""
    with_halves: bool = False
    """Whether the odd and even tokens are summed up, too."""
    last: int | None = None
    """The last document whose tokens are kept; None: all are."""
    with_tokens: bool = True
    """Whether any are."""
    shared: "SharedArrays" = field(default_factory=lambda: SharedArrays())
    """Of all scores of a corpus: their documents are the same, and in memory once."""
    _values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    _halves: dict[str, list[Halves]] = field(default_factory=dict)
    _documents: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, rows: pd.DataFrame) -> None:
        """The next counted rows. Raises ``DataError`` as ``token_grid``."""
        grid = token_grid(self.score, rows, self.fitted, self.corpus)
        names = [level.name for level in all_levels()]
        for name in [TOKEN, *names] if self.with_tokens else names:
            found = at_level(grid, name)
            if name == TOKEN and self.last is not None:
                kept = found.document <= self.last
                found = ScoreValues(found.value[kept], found.document[kept])
            self._values.setdefault(name, []).append(found.value)
            self._documents.setdefault(name, []).append(self.shared.part(found.document))
        if self.with_halves:
            for level in all_levels():
                self._halves.setdefault(level.name, []).append(halves(grid, level))

    def all(self) -> LevelValues:
        """Of all rows that were added."""
        if not self._values:
            raise DataError(f"Corpus {self.corpus!r} has no token on which a score is defined.")
        levels = {
            name: ScoreValues(_together(values), self.shared.whole(self._documents[name]))
            for name, values in self._values.items()
        }
        found = {
            name: Halves(*(_together([*each]) for each in zip(*parts, strict=True)))
            for name, parts in self._halves.items()
        }
        return LevelValues(levels, found)


def _together(parts: Sequence[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def distance_to(reference: ScoreValues, values: ScoreValues) -> ScoreValues:
    """|value − mean| / std of the reference (the ID fit documents at the same level).

    A constant reference leaves the distance undivided: the scale changes no ranking.
    """
    spread = float(reference.value.std()) or 1.0
    return ScoreValues(
        value=np.abs(values.value - reference.value.mean()) / spread, document=values.document
    )
