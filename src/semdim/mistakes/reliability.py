"""Calibration: how often the model is right where it says that it is, with what probability.

ECE is that of Guo et al., "On Calibration of Modern Neural Networks" (2017): bins of equal width in
the confidence, the mean over items of |accuracy − confidence| of their bin.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.mistakes.grouping import check_items


@dataclass(frozen=True)
class Reliability:
    """Bins of confidence; those without items are left out."""

    left: Float[np.ndarray, " bins"]
    """Smallest confidence of each bin's interval."""
    count: Float[np.ndarray, " bins"]
    """Items."""
    confidence: Float[np.ndarray, " bins"]
    """Mean confidence."""
    accuracy: Float[np.ndarray, " bins"]
    """Share that is right."""

    @property
    def ece(self) -> float:
        """Expected calibration error."""
        off = np.abs(self.accuracy - self.confidence)
        return float((self.count * off).sum() / self.count.sum())


def confidence_bin(
    confidence: Float[np.ndarray, " items"], n_bins: int
) -> Int[np.ndarray, " items"]:
    """Number of the bin of each item: [0, 1/n), [1/n, 2/n), …, the last one with 1.

    Raises:
        DataError: a confidence is not in [0, 1].
    """
    if len(confidence) and (confidence.min() < 0.0 or confidence.max() > 1.0 + 1e-6):
        raise DataError(
            f"A confidence lies outside [0, 1]: they run from {confidence.min():.6g} to "
            f"{confidence.max():.6g}."
        )
    return np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)


def reliability(
    confidence: Float[np.ndarray, " items"], is_right: np.ndarray, n_bins: int = 15
) -> Reliability:
    """Bins of equal width.

    Args:
        confidence: probability of what the model takes for most probable, of each item.
        is_right: whether that is what came, [items], booleans or 0 and 1.
        n_bins: bins.

    Raises:
        DataError: there are no items, or a value is not finite or out of range.
    """
    right = np.asarray(is_right, dtype=np.float64)
    check_items(confidence, len(right))
    check_items(right, len(confidence))
    if not len(right):
        raise DataError("There are no items whose calibration could be measured.")
    member = confidence_bin(confidence, n_bins)
    count = np.bincount(member, minlength=n_bins).astype(np.float64)
    there = count > 0
    sums = [np.bincount(member, weights=values, minlength=n_bins) for values in (confidence, right)]
    means = [total[there] / count[there] for total in sums]
    return Reliability(np.arange(n_bins)[there] / n_bins, count[there], *means)


def resampled_ece(
    confidence: Float[np.ndarray, " items"],
    is_right: np.ndarray,
    document: Int[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
    n_bins: int = 15,
) -> Float[np.ndarray, " resamples"]:
    """ECE when each item counts as often as its document was drawn.

    document: numbers 0 … n−1, the columns of ``multiplicities``. NaN where none was drawn.
    """
    n_documents = multiplicities.shape[1]
    place = document * n_bins + confidence_bin(confidence, n_bins)
    off = np.asarray(is_right, dtype=np.float64) - confidence
    weight = multiplicities.astype(np.float64)
    sums = [
        weight @ np.bincount(place, weights=w, minlength=n_documents * n_bins).reshape(-1, n_bins)
        for w in (off, None)
    ]
    total = sums[1].sum(axis=1)
    wide = np.abs(sums[0]).sum(axis=1)
    return np.divide(wide, total, out=np.full(len(total), np.nan), where=total > 0)
