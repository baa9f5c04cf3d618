"""What the monitor says of a text: typed results, which `semdim.monitor.recorder` makes."""

from dataclasses import dataclass

from semdim.monitor.selection import Selection
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
    level: float | None
    """The statistic of the reading over the sequence's tokens so far; None before the first of
    them, and beyond the context."""
    flagged: bool
    """A look at this token found a statistic above its threshold."""
    is_generated: bool
    """True for a token that the model wrote, False for one that it was given."""
    score: float | None = None
    """The score that the selection compares; None where there is no selection, and where nothing is
    compared: at BOS, at the last token of a sequence, and beyond the context."""
    is_let_through: bool | None = None
    """Whether the selection lets it through; None where nothing is compared."""


@dataclass(frozen=True)
class Look:
    """A statistic against its threshold, after so many tokens of a sequence."""

    statistic: str
    n_tokens: int
    """Tokens of the sequence seen by then, position 0 not among them."""
    value: float
    """The statistic's (active atoms)."""
    threshold: float
    is_above: bool
    """Whether the value is above the threshold."""


@dataclass(frozen=True)
class SequenceReading:
    """What is said of one sequence."""

    sequence: int
    n_scored: int
    """Tokens looked at."""
    mean_n_active: float
    max_n_active: int
    level: float
    """The statistic of the reading at the last token that was judged."""
    looks: tuple[Look, ...]
    """Those that the sequence was long enough for; none without a threshold."""
    is_promised: bool
    """Whether the promise is about this sequence: it is one of the first, and full or the only one.
    True without a threshold."""

    @property
    def is_above(self) -> bool:
        """Whether any look is above its threshold."""
        return any(look.is_above for look in self.looks)


@dataclass(frozen=True)
class Reading:
    """Everything the monitor says of one text."""

    watched: Watched
    threshold: Threshold | None
    statistic: str
    """What ``level`` is: the first statistic of the alarm, or the median without one."""
    tokens: tuple[Token, ...]
    sequences: tuple[SequenceReading, ...]
    is_complete: bool = True
    """False when the generation was interrupted: what is here is what there was by then."""
    selection: Selection | None = None
    """What says which tokens are let through, with which risk; None: nothing does."""

    @property
    def text(self) -> str:
        """The text without BOS."""
        return "".join(token.text for token in self.tokens if token.position > 0)

    @property
    def alarm(self) -> bool | None:
        """Whether any look at a sequence that the promise is about is above its threshold.

        None without a threshold, and for a text that ends before the first look.
        """
        judged = [item for item in self.sequences if item.is_promised and item.looks]
        return any(item.is_above for item in judged) if judged else None

    @property
    def above_beyond_promise(self) -> int:
        """How many of the other sequences are above a threshold: no rate is promised for them."""
        return sum(item.is_above for item in self.sequences if not item.is_promised)

    @property
    def compared(self) -> tuple[Token, ...]:
        """The tokens that the selection looked at."""
        return tuple(token for token in self.tokens if token.is_let_through is not None)

    @property
    def held_back(self) -> tuple[Token, ...]:
        """Those of them that it does not let through."""
        return tuple(token for token in self.tokens if token.is_let_through is False)

    @property
    def flagged(self) -> tuple[Token, ...]:
        """The tokens at which a look is above its threshold."""
        return tuple(token for token in self.tokens if token.flagged)
