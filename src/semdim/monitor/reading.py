"""What the monitor says of a text: typed results, with the pipeline's own statistics.

What is compared with a threshold is computed by the functions that calibrated it
(`semdim.tokens.sample.bos_mask`, `semdim.uncertainty.rows.sequence_n_active`).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from semdim.monitor.threshold import Threshold, Watched


@dataclass(frozen=True)
class Token:
    """One token and its k."""

    text: str
    """What it adds to the text; empty while the bytes of a character are not complete."""
    id: int
    sequence: int
    """Number of the sequence, from 0: texts longer than the context are cut."""
    position: int
    """Position within the sequence; 0 is BOS."""
    n_active: int
    """k: atoms with a code above 0."""
    is_scored: bool
    """False at position 0 and at BOS, which no statistic looks at."""
    window_n_active: float | None
    """Mean n_active of the last `window` scored tokens; None before there are so many."""
    flagged: bool
    """n_active is above the threshold; False when there is none."""
    in_flagged_window: bool
    """window_n_active is above its threshold; False when there is none."""
    is_generated: bool
    """True for a token that the model wrote, False for one that it was given."""


@dataclass(frozen=True)
class SequenceReading:
    """The statistics of one sequence that thresholds are for."""

    sequence: int
    n_scored: int
    """Tokens looked at."""
    mean_n_active: float
    max_n_active: int
    window_n_active: float | None
    """Largest mean over `window` consecutive scored tokens; None when there are fewer."""
    max_alarm: bool | None
    """max_n_active is above its threshold; None without a threshold."""
    window_alarm: bool | None
    """The same for window_n_active."""


@dataclass(frozen=True)
class Reading:
    """Everything the monitor says of one text."""

    watched: Watched
    threshold: Threshold | None
    tokens: tuple[Token, ...]
    sequences: tuple[SequenceReading, ...]
    is_complete: bool = True
    """False when the generation was interrupted: what is here is what there was by then."""

    @property
    def text(self) -> str:
        """The text without BOS."""
        return "".join(token.text for token in self.tokens if token.position > 0)

    @property
    def alarm(self) -> bool | None:
        """Whether either rule raised an alarm in any sequence; None without a threshold."""
        if self.threshold is None:
            return None
        return any(item.max_alarm or item.window_alarm for item in self.sequences)

    @property
    def flagged(self) -> tuple[Token, ...]:
        """The tokens whose n_active is above the threshold."""
        return tuple(token for token in self.tokens if token.flagged)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every field, the verdict in words, and the conditions of the guarantee."""
        from semdim.monitor.words import conditions, verdict

        return {
            "alarm": self.alarm,
            "verdict": verdict(self),
            "conditions": conditions(self),
            "text": self.text,
            **asdict(self),
        }


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
        is_scored = self._position > 0 and token_id != self._bos  # as bos_mask says
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
            sequences=_sequences(tokens, self._bos, self.threshold, self._window),
            is_complete=is_complete,
        )


def _sequences(
    tokens: Sequence[Token], bos_token_id: int, threshold: Threshold | None, window: int
) -> tuple[SequenceReading, ...]:
    """Statistics of each sequence that has a token to look at."""
    found: dict[int, list[Token]] = {}
    for token in tokens:
        found.setdefault(token.sequence, []).append(token)
    readings = []
    for sequence, members in found.items():
        if not any(token.is_scored for token in members):
            continue  # interrupted before its first token
        readings.append(_statistics(sequence, members, bos_token_id, threshold, window))
    return tuple(readings)


def _statistics(
    sequence: int,
    members: Sequence[Token],
    bos_token_id: int,
    threshold: Threshold | None,
    window: int,
) -> SequenceReading:
    import pandas as pd
    import torch

    from semdim.tokens.sample import bos_mask
    from semdim.uncertainty.rows import sequence_n_active

    ids = torch.tensor([[token.id for token in members]])
    is_bos = bos_mask(ids, bos_token_id)[0].numpy()
    table = pd.DataFrame(
        {
            "document": 0,
            "sequence": sequence,
            "position": [token.position for token in members],
            "is_bos": is_bos,
            "n_active": [token.n_active for token in members],
        }
    )
    has_window = int((~is_bos).sum()) >= window
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
