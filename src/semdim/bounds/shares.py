"""Which points of N and α were declared beforehand, and the part of δ that each may spend.

The parts of all points sum to at most 1, so that all points hold at once (union bound). They need
not be equal: what is quoted may get more, as long as this was decided before the sample was seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Value = TypeVar("Value", int, float)


@dataclass(frozen=True)
class PointShare:
    """The part of δ that one predeclared point may spend."""

    weight: float = 1.0
    """Part of δ, in (0, 1]."""
    n_points: int = 1
    """Points among which δ is divided, this one included."""

    def among(self, n_alternatives: int) -> "PointShare":
        """The part of one of `n_alternatives` that are all looked at here (pool sizes, …)."""
        return PointShare(self.weight / n_alternatives, self.n_points * n_alternatives)

    @property
    def words(self) -> str:
        """As the ledger of δ says it; empty for the whole δ."""
        if self.weight >= 1.0:
            return ""
        if math.isclose(self.weight * self.n_points, 1.0, rel_tol=1e-9):
            return f"1 of {self.n_points} predeclared points"
        return f"1 of {self.n_points} predeclared points, with {self.weight:.4g} of δ"


Choices = int | PointShare
"""How δ is divided: among a number of points equally, or with a weight for this one."""


@dataclass(frozen=True)
class PointShares:
    """What a family may spend at one point."""

    here: PointShare = field(default_factory=PointShare)
    """Of a bound for this N and α."""
    at_all_n: PointShare = field(default_factory=PointShare)
    """Of a statement that holds at every N at once, and so pays for α alone."""


def weights(
    values: Sequence[Value], favoured: Value | None, weight: float | None
) -> dict[Value, float]:
    """Part of δ of each value; they sum to 1.

    values: distinct. favoured: the one that gets `weight`; the others share the rest equally.
    Without either, or with one value alone, all get the same.
    """
    if favoured is None or weight is None or len(values) < 2:
        return dict.fromkeys(values, 1.0 / len(values))
    rest = (1.0 - weight) / (len(values) - 1)
    return {value: weight if value == favoured else rest for value in values}


@dataclass(frozen=True)
class Declared:
    """All points that were declared beforehand."""

    sizes: tuple[int, ...]
    """N, ascending. The largest is the one that is quoted."""
    smoothings: tuple[float, ...]
    """α, distinct."""
    main: float | None
    """The α that is quoted; None: all are alike."""
    size_weight: float | None
    """Part of the largest N; None: all alike."""
    smoothing_weight: float | None
    """Part of the main α; None: all alike."""
    grid_at_every_size: bool
    """Whether the other α are looked at at every N, or at the largest alone."""
    pays_for_sizes: bool = True
    """False: each N spends all, so that one of them may be read."""
    n_equal: int | None = None
    """A number of points that was given: each point gets one part of so many."""

    def sizes_at(self, smoothing: float) -> tuple[int, ...]:
        """The N at which this α is looked at."""
        if self.main is None or smoothing == self.main or self.grid_at_every_size:
            return self.sizes
        return self.sizes[-1:]

    @property
    def n_points(self) -> int:
        """Number of points of N and α."""
        if not self.pays_for_sizes:
            return len(self.smoothings)
        return sum(len(self.sizes_at(smoothing)) for smoothing in self.smoothings)

    def shares(
        self, n_tokens: int, smoothing: float, *, every_size: bool, every_smoothing: bool
    ) -> PointShares:
        """What a family may spend at N and α.

        every_size: whether it is computed at every N, or at the largest alone. every_smoothing:
        whether it is computed at every α, or at the main one alone; where no α is the main one,
        every family is computed at all of them.
        """
        shared = every_smoothing or self.main is None
        smoothings = self.smoothings if shared else (smoothing,)
        part = weights(smoothings, self.main if shared else None, self.smoothing_weight)[smoothing]
        at_all_n = PointShare(part, len(smoothings))
        if self.n_equal is not None:  # points computed apart, each the largest N of its own
            return PointShares(PointShare(1.0 / self.n_equal, self.n_equal), at_all_n)
        if not every_size:
            return PointShares(at_all_n, at_all_n)
        if not self.pays_for_sizes:
            return PointShares(at_all_n, at_all_n)
        sizes = self.sizes_at(smoothing)
        size_part = weights(sizes, self.sizes[-1], self.size_weight)[n_tokens]
        n_points = sum(len(self.sizes_at(value)) for value in smoothings)
        return PointShares(PointShare(part * size_part, n_points), at_all_n)
