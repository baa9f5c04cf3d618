"""What the monitor says of a text: typed results, which `semdim.monitor.recorder` makes."""

from dataclasses import dataclass

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
