"""Records tokens as they come, and judges them by the pipeline's own statistics.

What is compared with a threshold is computed by the functions that calibrated it
(`semdim.tokens.positions`, `semdim.uncertainty.alarm_levels`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semdim.monitor.reading import Look, Reading, SequenceReading, Token
from semdim.monitor.selection import Selection
from semdim.monitor.threshold import Threshold, Watched
from semdim.tokens.positions import is_special
from semdim.uncertainty.alarm_levels import statistic
from semdim.uncertainty.spec import UncertaintySpec

WITHOUT_THRESHOLD = "sequence_median"
"""What is shown of a sequence when there is no alarm that says what to look at."""


class Recorder:
    """Takes tokens one at a time, as they come, and says at once whether a look is too high."""

    def __init__(
        self,
        bos_token_id: int,
        threshold: Threshold | None,
        context: int,
        selection: Selection | None = None,
    ) -> None:
        self._bos = bos_token_id
        self.threshold = threshold
        self.selection = selection
        self._context = context
        self.statistic = WITHOUT_THRESHOLD
        moving = UncertaintySpec.window
        names = {self.statistic}
        if threshold is not None:
            self.statistic = threshold.limits[0].statistic
            moving = threshold.alarm.moving_length
            names = {limit.statistic for limit in threshold.limits}
        self._statistics = {name: statistic(name, moving) for name in names}
        self._counts: list[int] = []
        self._looks: list[list[Look]] = []
        self._position = 0
        self.tokens: list[Token] = []

    def start_sequence(self) -> None:
        """The next token is at position 0."""
        self._looks.append([])
        self._position = 0
        self._counts.clear()

    def add(
        self,
        token_id: int,
        n_active: int,
        text: str,
        is_generated: bool = False,
        score: float | None = None,
    ) -> Token:
        """Record the next token of the sequence.

        score: what the selection compares, of this token's prediction; None: there is none.
        """
        position = self._position
        is_scored = not is_special(token_id, position, self._bos)
        is_judged = position < self._context
        if is_scored and is_judged:
            self._counts.append(n_active)
        looks = self._look(position) if is_judged else []
        self._looks[-1] += looks
        # As in the study of errors: the last token of a sequence predicts none that was judged.
        is_compared = is_scored and position < self._context - 1
        score = self._score(n_active, score) if is_compared else None
        token = Token(
            text=text,
            id=token_id,
            sequence=len(self._looks) - 1,
            position=position,
            n_active=n_active,
            is_scored=is_scored,
            level=self._value(self.statistic) if self._counts and is_judged else None,
            flagged=any(look.is_above for look in looks),
            is_generated=is_generated,
            score=score,
            is_let_through=self._is_let_through(score),
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
        return Reading(
            watched=watched,
            threshold=self.threshold,
            statistic=self.statistic,
            tokens=tuple(self.tokens),
            sequences=tuple(self._sequences()),
            is_complete=is_complete,
            selection=self.selection,
        )

    def _score(self, n_active: int, of_prediction: float | None) -> float | None:
        if self.selection is None:
            return None
        return of_prediction if self.selection.score.needs_predictions else float(n_active)

    def _is_let_through(self, score: float | None) -> bool | None:
        if self.selection is None or score is None:
            return None
        return self.selection.lets_through(score)

    def _value(self, name: str) -> float:
        """A statistic over the tokens of the sequence so far."""
        values = np.array([self._counts], dtype=np.float64)
        return float(self._statistics[name](values, np.ones(values.shape, dtype=bool))[0])

    def _look(self, position: int) -> list[Look]:
        """What there is to compare at this position."""
        if self.threshold is None:
            return []
        found = []
        for limit in self.threshold.limits:
            if limit.n_tokens == position:
                value, threshold = self._value(limit.statistic), self.threshold.value(limit)
                found.append(Look(limit.statistic, position, value, threshold, value > threshold))
        return found

    def _sequences(self) -> list[SequenceReading]:
        """Of each sequence that has a token to look at."""
        members: list[list[Token]] = [[] for _ in self._looks]
        for token in self.tokens:
            members[token.sequence].append(token)
        return [
            self._summary(number, tokens)
            for number, tokens in enumerate(members)
            if any(token.is_scored for token in tokens)  # not interrupted before its first token
        ]

    def _summary(self, number: int, tokens: Sequence[Token]) -> SequenceReading:
        counts = [token.n_active for token in tokens if token.is_scored]
        return SequenceReading(
            sequence=number,
            n_scored=len(counts),
            mean_n_active=sum(counts) / len(counts),
            max_n_active=max(counts),
            level=next((t.level for t in reversed(tokens) if t.level is not None), 0.0),
            looks=tuple(self._looks[number]),
            is_promised=self._is_promised(number, len(tokens)),
        )

    def _is_promised(self, number: int, n_tokens: int) -> bool:
        if self.selection is not None:
            most = self.selection.file.sequences_per_document
        elif self.threshold is not None:
            most = self.threshold.alarm.sequences_per_document
        else:
            return True
        # Calibration dropped what did not fill a sequence, unless it is the beginning of a text.
        return number == 0 or (number < most and n_tokens >= self._context)
