"""Where the failure probability δ goes: the events that may fail, and the share of each."""

import math
from dataclasses import dataclass

from semdim.bounds.shares import Choices, PointShare
from semdim.bounds.validation import check_failure_prob
from semdim.errors import ConfigError


@dataclass(frozen=True)
class FailureShare:
    """One event that may fail, and the probability set aside for it."""

    name: str
    """What may fail, in words."""
    share: float
    """Probability given to it."""


@dataclass(frozen=True)
class Budget:
    """Where each share of the failure probability δ went."""

    failure_prob: float
    """δ: the probability with which the statement may be wrong."""
    shares: tuple[FailureShare, ...]
    """The events among which δ is divided (union bound)."""

    def __post_init__(self) -> None:
        check_failure_prob(self.failure_prob)
        for entry in self.shares:
            if not entry.share > 0.0:
                raise ConfigError(f"The share of δ for '{entry.name}' must be positive.")

    @property
    def spent(self) -> float:
        """Sum of the shares."""
        return math.fsum(entry.share for entry in self.shares)

    @property
    def is_overspent(self) -> bool:
        """True when the shares sum to more than δ: then nothing is certified at level δ."""
        return self.spent > self.failure_prob * (1.0 + 1e-9)


def paid_for(event: str, n_choices: Choices) -> str:
    """The budget's name of an event at one of the predeclared points."""
    point = n_choices if isinstance(n_choices, PointShare) else equal_share(n_choices)
    return f"{event}, {point.words}" if point.words else event


def equal_share(n_points: int) -> PointShare:
    """The part of each of `n_points` points that share δ equally."""
    return PointShare(1.0 / n_points, n_points)


def n_points(n_choices: Choices) -> int:
    """Among how many points δ is divided."""
    return n_choices.n_points if isinstance(n_choices, PointShare) else n_choices
