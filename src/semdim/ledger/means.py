"""Means and exact quantiles of columns that are read a stretch at a time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int, UInt32

from semdim.ledger.rows import EXACT_ROWS


class RunningMean:
    """The mean of values that come a stretch at a time.

    Up to ``limit`` values it is `of_all` of all of them, beyond it the quotient of sums in float64,
    which differs from it by rounding alone.

    Args:
        of_all: what gives the mean of values in memory.
        limit: the most values that are kept.
    """

    def __init__(
        self,
        of_all: Callable[[np.ndarray], float] = lambda values: float(values.mean()),
        limit: int = EXACT_ROWS,
    ) -> None:
        self._of_all, self._limit = of_all, limit
        self._kept: list[np.ndarray] | None = []
        self._sum, self.n_values = 0.0, 0

    def add(self, values: np.ndarray) -> None:
        """The next values, of any shape; those of several axes keep the axes behind the first."""
        self.n_values += values.size
        self._sum += float(values.sum(dtype=np.float64))
        if self._kept is not None:
            self._kept.append(values)
            if self.n_values > self._limit:
                self._kept = None

    def mean(self) -> float:
        """Of all that was added; NaN of nothing."""
        if not self.n_values:
            return float("nan")
        if self._kept is None:
            return self._sum / self.n_values
        return float(self._of_all(np.concatenate(self._kept)))


class Quantiles:
    """Quantiles that occur: the smallest value that a share q of the values stays at or below, as
    NumPy's ``inverted_cdf``. Exact, of any number of values: a float32 is one of 2³² numbers, so it
    is counted by its upper half in a first pass, and by its lower half in a second.

    Args:
        stretches: gives the values, float32 or float64 of float32, finite, anew at each call.
    """

    def __init__(self, stretches: Callable[[], Iterable[Float[np.ndarray, " some"]]]) -> None:
        self._stretches = stretches
        self._upper = np.zeros(2**16, dtype=np.int64)
        for values in stretches():
            self._upper += np.bincount(ascending_keys(values) >> np.uint32(16), minlength=2**16)
        self.n_values = int(self._upper.sum())

    def at(self, shares: Sequence[float]) -> list[float]:
        """The quantile of each share in (0, 1]; NaN of no values."""
        if not self.n_values:
            return [float("nan")] * len(shares)
        ranks, sums = [_rank(share, self.n_values) for share in shares], np.cumsum(self._upper)
        halves = [int(np.searchsorted(sums, rank)) for rank in ranks]
        lower = {half: np.zeros(2**16, dtype=np.int64) for half in halves}
        for values in self._stretches():
            keys = ascending_keys(values)
            of = keys >> np.uint32(16)
            for half, counts in lower.items():
                counts += np.bincount(keys[of == half] & np.uint32(0xFFFF), minlength=2**16)
        found = []
        for rank, half in zip(ranks, halves, strict=True):
            before = int(sums[half] - self._upper[half])
            low = int(np.searchsorted(np.cumsum(lower[half]), rank - before))
            found.append(value_of_key((half << 16) | low))
        return found


def _rank(share: float, n_values: int) -> int:
    """Which value, from 1: NumPy's inverted_cdf takes the index ⌈n·q⌉ − 1, at least 0."""
    return max(int(np.ceil(n_values * share)), 1)


def ascending_keys(values: Float[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """Whole numbers in the order of the values, one for each float32 (−0 and 0 have two)."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    return np.where(negative, ~bits, bits | np.uint32(2**31))


def value_of_key(key: int) -> float:
    """The value that `ascending_keys` gives this number."""
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])


class Counts:
    """Whole numbers ≥ 0 that come a stretch at a time: how often each occurs, and what follows.

    Everything is exact whatever their number, but for the rounding of `std` beyond ``limit``.
    """

    def __init__(self, limit: int = EXACT_ROWS) -> None:
        self.counts: Int[np.ndarray, " values"] = np.zeros(0, dtype=np.int64)
        self._kept: list[np.ndarray] | None = []
        self._limit = limit

    def add(self, values: Int[np.ndarray, " some"]) -> None:
        """The next values."""
        more = np.bincount(values, minlength=len(self.counts))
        more[: len(self.counts)] += self.counts
        self.counts = more
        if self._kept is not None:
            self._kept.append(values)
            if len(self) > self._limit:
                self._kept = None

    def merge(self, other: "Counts") -> None:
        """The values that another has."""
        size = max(len(self.counts), len(other.counts))
        pads = (np.pad(each.counts, (0, size - len(each.counts))) for each in (self, other))
        self.counts = sum(pads, np.zeros(size, dtype=np.int64))
        self._kept = None

    def in_bins(self, edges: Int[np.ndarray, " edges"]) -> Int[np.ndarray, " bins"]:
        """How many lie in each [left, right) between the edges, whole numbers ≥ 0, ascending."""
        sums = np.concatenate([[0], np.cumsum(self.counts)])
        return np.diff(sums[np.minimum(edges, len(self.counts))])

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def values(self) -> Int[np.ndarray, " distinct"]:
        """Those that occur, ascending."""
        return np.flatnonzero(self.counts)

    def mean(self) -> float:
        """Of all."""
        return float(self.counts @ np.arange(len(self.counts))) / len(self)

    def std(self) -> float:
        """Of these values, not an estimate (ddof = 0)."""
        if self._kept is not None:
            return float(np.concatenate(self._kept).std())
        apart = np.arange(len(self.counts)) - self.mean()
        return float(np.sqrt((self.counts * apart**2).sum() / len(self)))

    def quantiles(self, shares: Sequence[float]) -> list[int]:
        """Of each share in (0, 1] the smallest value that it stays at or below."""
        sums = np.cumsum(self.counts)
        return [int(np.searchsorted(sums, _rank(share, len(self)))) for share in shares]

    def linear_quantiles(self, shares: Sequence[float]) -> list[float]:
        """Of each share in [0, 1], linear between neighbours, as ``np.quantile``."""
        sums, last = np.cumsum(self.counts), len(self) - 1
        found = []
        for share in shares:
            place = share * last
            below = int(np.floor(place))
            low, high = (
                float(np.searchsorted(sums, min(index, last) + 1)) for index in (below, below + 1)
            )
            part = place - below
            # NumPy goes from the nearer neighbour.
            ahead, back = low + (high - low) * part, high - (high - low) * (1 - part)
            found.append(ahead if part < 0.5 else back)
        return found
