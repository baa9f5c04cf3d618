"""Means and exact quantiles of columns that are read a stretch at a time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float32, Int, UInt32

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


def order_statistics(
    stretches: Callable[[], Iterable[Float32[np.ndarray, " some"]]],
    shares: Sequence[float],
) -> list[float]:
    """Quantiles that occur: the smallest value that a share q of the values stays at or below, as
    NumPy's ``inverted_cdf``. Exact, of any number of values: a float32 is one of 2³² numbers, so it
    is counted by its upper half in a first pass, and by its lower half in a second.

    Args:
        stretches: gives the values, finite, anew at each call.
        shares: each q, in (0, 1].

    Returns NaN for each share of no values.
    """
    upper = np.zeros(2**16, dtype=np.int64)
    for values in stretches():
        upper += np.bincount(ascending_keys(values) >> np.uint32(16), minlength=2**16)
    n_values = int(upper.sum())
    if not n_values:
        return [float("nan")] * len(shares)
    ranks = [_rank(share, n_values) for share in shares]
    sums = np.cumsum(upper)
    halves = [int(np.searchsorted(sums, rank)) for rank in ranks]
    lower = {half: np.zeros(2**16, dtype=np.int64) for half in halves}
    for values in stretches():
        keys = ascending_keys(values)
        of = keys >> np.uint32(16)
        for half, counts in lower.items():
            own = keys[of == half] & np.uint32(0xFFFF)
            counts += np.bincount(own, minlength=2**16)
    found = []
    for rank, half in zip(ranks, halves, strict=True):
        before = int(sums[half] - upper[half])
        low = int(np.searchsorted(np.cumsum(lower[half]), rank - before))
        found.append(value_of_key((half << 16) | low))
    return found


def _rank(share: float, n_values: int) -> int:
    """Which value, from 1: NumPy's inverted_cdf takes the index ⌈n·q⌉ − 1, at least 0."""
    return max(int(np.ceil(n_values * share)), 1)


def ascending_keys(values: Float32[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """Whole numbers in the order of the values, one for each float32 (−0 and 0 have two)."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    return np.where(negative, ~bits, bits | np.uint32(2**31))


def value_of_key(key: int) -> float:
    """The value that `ascending_keys` gives this number."""
    bits = key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF
    return float(np.array([bits], dtype=np.uint32).view(np.float32)[0])


class Counts:
    """How often each whole number ≥ 0 occurs among values that come a stretch at a time."""

    def __init__(self) -> None:
        self.counts: Int[np.ndarray, " values"] = np.zeros(0, dtype=np.int64)

    def add(self, values: Int[np.ndarray, " some"]) -> None:
        """The next values."""
        more = np.bincount(values, minlength=len(self.counts))
        more[: len(self.counts)] += self.counts
        self.counts = more

    def __len__(self) -> int:
        return int(self.counts.sum())
