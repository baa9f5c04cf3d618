"""From a score's token values to the values of sequences."""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.uncertainty.rows import sequence_starts
from semdim.uncertainty.score import Score
from semdim.uncertainty.verdict import Level

LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class ScoreValues:
    """Values of one score on one corpus at one level, and the document each belongs to."""

    value: Float[np.ndarray, " items"]
    """Higher = more out of distribution."""
    document: Int[np.ndarray, " items"]
    """Document of each item: the unit that is resampled."""


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
            f"{bad} of {value.size} values of {score.name!r} on corpus {corpus!r} are missing or "
            f"not finite (from ledger columns {', '.join(score.reads)}); recompute that ledger."
        )
    return ScoreValues(value=value, document=rows["document"].to_numpy(dtype=np.int64))


def at_level(
    score: Score, rows: pd.DataFrame, fitted: Any, corpus: str, level: Level
) -> ScoreValues:
    """Values of a score per token, or its mean or maximum per sequence (before centring).

    Raises ``DataError`` when a sequence has no token on which the score is defined.
    """
    tokens = score_values(score, rows, fitted, corpus)
    if level == "token":
        return tokens
    sequence = rows["sequence"].to_numpy()
    n_sequences = len(sequence_starts(sequence))
    if not score.at_last_position:
        sequence = sequence[~rows["is_last"].to_numpy(dtype=bool)]
    starts = sequence_starts(sequence) if sequence.size else np.array([], dtype=np.int64)
    if len(starts) < n_sequences:
        raise DataError(
            f"{n_sequences - len(starts)} sequence(s) of corpus {corpus!r} have no token on which "
            f"{score.name!r} is defined; a sequence needs at least 3 positions."
        )
    if level == "sequence_mean":
        value = np.add.reduceat(tokens.value, starts) / np.diff(np.append(starts, len(sequence)))
    else:
        value = np.maximum.reduceat(tokens.value, starts)
    return ScoreValues(value=value, document=tokens.document[starts])


def distance_to(reference: ScoreValues, values: ScoreValues) -> ScoreValues:
    """|value − mean| / std of the reference (the ID fit documents at the same level).

    A constant reference leaves the distance undivided: the scale changes no ranking.
    """
    spread = float(reference.value.std()) or 1.0
    return ScoreValues(
        value=np.abs(values.value - reference.value.mean()) / spread, document=values.document
    )
