"""From a score's token values to the values of sequences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.errors import DataError
from semdim.uncertainty.level import LEVEL_STATISTICS
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


def distance_to(reference: ScoreValues, values: ScoreValues) -> ScoreValues:
    """|value − mean| / std of the reference (the ID fit documents at the same level).

    A constant reference leaves the distance undivided: the scale changes no ranking.
    """
    spread = float(reference.value.std()) or 1.0
    return ScoreValues(
        value=np.abs(values.value - reference.value.mean()) / spread, document=values.document
    )
