"""Scores of a token that a monitor computes as the text goes by, as the ledger has them.

Starts without torch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from semdim.errors import ConfigError

if TYPE_CHECKING:
    from semdim.forward.next_token import NextToken


@dataclass(frozen=True)
class TokenScore:
    """One score."""

    name: str
    """As in the study of errors."""
    words: str
    """In a sentence: "tokens with … of at most 3"."""
    unit: str
    """Behind a number; empty for a share."""
    column: str | None
    """What the model predicts next says it, in this field of `NextToken`; None: it is k itself."""
    is_complement: bool = False
    """Whether the score is one minus the field."""

    @property
    def needs_predictions(self) -> bool:
        """Whether the whole model has to run, and not its prefix alone."""
        return self.column is not None

    def values(self, found: "NextToken") -> list[float]:
        """Of each token that these predictions follow."""
        assert self.column is not None
        values = found.columns[self.column].double()
        listed: list[float] = (1.0 - values if self.is_complement else values).tolist()
        return listed

    def shown(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.4g} {self.unit}".rstrip()


TOKEN_SCORES = {
    score.name: score
    for score in (
        TokenScore("n_active", "a k", "active atoms", None),
        TokenScore("entropy", "an entropy of the prediction", "bits", "entropy"),
        TokenScore("one_minus_max_prob", "one minus the largest probability", "", "max_prob", True),
    )
}


def token_score(name: str) -> TokenScore:
    """The score of this name. Raises ConfigError where no monitor computes it."""
    if name not in TOKEN_SCORES:
        raise ConfigError(
            f"A monitor cannot compute the score {name!r} of a token: calibrate thresholds on one "
            f"of {', '.join(TOKEN_SCORES)} (errors.monitor_score)."
        )
    return TOKEN_SCORES[name]
