"""Records tokens as they come, with the pipeline's own statistics.

What is compared with a threshold is computed by the functions that calibrated it
(`semdim.tokens.positions`, `semdim.uncertainty.rows.sequence_n_active`).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from semdim.monitor.reading import Reading, SequenceReading, Token
from semdim.monitor.threshold import Threshold, Watched
from semdim.tokens.positions import is_special
from semdim.uncertainty.rows import sequence_n_active


class Recorder:
    """Takes tokens one at a time, as they come, and says at once whether they raise an alarm."""

    def __init__(self, bos_token_id: int, threshold: Threshold | None, window: int) -> None:
        self._bos = bos_token_id
        self.threshold = threshold
        self._window = window
        self._recent: deque[int] = deque(maxlen=window)
        self._sequence = -1
        self._position = 0
        self.tokens: list[Token] = []

    def start_sequence(self) -> None:
        """The next token is at position 0."""
        self._sequence += 1
        self._position = 0
        self._recent.clear()

    def add(self, token_id: int, n_active: int, text: str, is_generated: bool = False) -> Token:
        """Record the next token of the sequence."""
        is_scored = not is_special(token_id, self._position, self._bos)
        if is_scored:
            self._recent.append(n_active)
        full = is_scored and len(self._recent) == self._window
        mean = sum(self._recent) / self._window if full else None
        limit = self.threshold
        token = Token(
            text=text,
            id=token_id,
            sequence=self._sequence,
            position=self._position,
            n_active=n_active,
            is_scored=is_scored,
            window_n_active=mean,
            flagged=limit is not None and is_scored and n_active > limit.max_n_active,
            in_flagged_window=(
                limit is not None and mean is not None and mean > limit.window_n_active
            ),
            is_generated=is_generated,
        )
        self.tokens.append(token)
        self._position += 1
        return token

    def complete_text(self, text: str) -> None:
        """Give the last token the text that was held back for it."""
        if self.tokens and text:
            self.tokens[-1] = replace(self.tokens[-1], text=self.tokens[-1].text + text)

    def reading(self, watched: Watched, is_complete: bool = True) -> Reading:
        """What was recorded until now."""
        tokens = tuple(self.tokens)
        return Reading(
            watched=watched,
            threshold=self.threshold,
            tokens=tokens,
            sequences=_sequences(tokens, self.threshold, self._window),
            is_complete=is_complete,
        )


def _sequences(
    tokens: Sequence[Token], threshold: Threshold | None, window: int
) -> tuple[SequenceReading, ...]:
    """Statistics of each sequence that has a token to look at."""
    found: dict[int, list[Token]] = {}
    for token in tokens:
        found.setdefault(token.sequence, []).append(token)
    readings = []
    for sequence, members in found.items():
        if not any(token.is_scored for token in members):
            continue  # interrupted before its first token
        readings.append(_statistics(sequence, members, threshold, window))
    return tuple(readings)


def _statistics(
    sequence: int,
    members: Sequence[Token],
    threshold: Threshold | None,
    window: int,
) -> SequenceReading:
    table = pd.DataFrame(
        {
            "document": 0,
            "sequence": sequence,
            "position": [token.position for token in members],
            "is_bos": [not token.is_scored for token in members],
            "n_active": [token.n_active for token in members],
        }
    )
    has_window = sum(token.is_scored for token in members) >= window
    row = sequence_n_active(table, window if has_window else None).iloc[0]
    largest = int(row["max_n_active"])
    moving = float(row["window_n_active"]) if has_window else None
    return SequenceReading(
        sequence=sequence,
        n_scored=int(row["n_scored"]),
        mean_n_active=float(row["mean_n_active"]),
        max_n_active=largest,
        window_n_active=moving,
        max_alarm=None if threshold is None else largest > threshold.max_n_active,
        window_alarm=(
            None if threshold is None else moving is not None and moving > threshold.window_n_active
        ),
    )
