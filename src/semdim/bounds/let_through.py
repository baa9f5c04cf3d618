"""What a threshold on a score lets through of each document: the shares, and their losses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semdim.bounds.validation import check_values
from semdim.errors import DataError


@dataclass(frozen=True)
class LetThrough:
    """What each threshold lets through of each document."""

    thresholds: Float[np.ndarray, " thresholds"]
    """τ, ascending."""
    share: Float[np.ndarray, "documents thresholds"]
    """a_D(τ): share of the document's items with a score of at most τ."""
    loss: Float[np.ndarray, "documents thresholds"]
    """b_D(τ): mean over the document's items of the loss of those, 0 for the others."""
    low: float
    """Smallest loss that is possible."""
    high: float
    """Largest."""

    def excess(self, target_risk: float) -> Float[np.ndarray, "documents thresholds"]:
        """x_D = b_D − r·a_D: below 0 on average where the selective risk is below r."""
        return self.loss - target_risk * self.share


def thresholds_of(
    score: Float[np.ndarray, " items"], n_thresholds: int = 20, least: float = 0.05
) -> Float[np.ndarray, " thresholds"]:
    """Thresholds that let through evenly spaced shares of the design items, ascending.

    Args:
        score: of the items of documents that are not among the calibration documents.
        n_thresholds: at most so many; equal ones are given once.
        least: the smallest share; the largest is 1.

    Raises:
        DataError: there are no items, or a score is not finite.
    """
    check_values(score, -math.inf, math.inf, "scores of the design documents")
    shares = np.linspace(least, 1.0, n_thresholds)
    return np.unique(np.quantile(score, shares, method="inverted_cdf"))


def let_through(
    score: Float[np.ndarray, " items"],
    loss: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
    thresholds: Float[np.ndarray, " thresholds"] | Sequence[float],
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> LetThrough:
    """Shares and losses of each document at each threshold, documents in the order of their labels.

    Args:
        score: of each item, higher = trusted less.
        loss: of each item, in [low, high]: 0 or 1, or smoothed bits.
        document: of each item; its number must not depend on scores or losses.
        thresholds: fixed without these documents.
        low: smallest loss possible.
        high: largest loss possible.

    Raises:
        DataError: items without a finite score or loss, losses out of range, or not one of each;
            no threshold, or thresholds that do not ascend.
    """
    taus = np.asarray(thresholds, dtype=np.float64)
    if not len(score) == len(loss) == len(document):
        raise DataError(
            f"There are {len(score)} scores, {len(loss)} losses and {len(document)} documents of "
            "items; give one of each for every item."
        )
    check_values(score, -math.inf, math.inf, "scores")
    check_values(loss, low, high, "losses")
    if not len(taus) or not np.isfinite(taus).all() or (np.diff(taus) <= 0).any():
        raise DataError(f"thresholds must be numbers that ascend, got {taus.tolist()}.")
    codes = np.unique(document, return_inverse=True)[1]
    n_documents, width = int(codes.max()) + 1, len(taus) + 1
    place = codes * width + np.searchsorted(taus, score, side="left")
    n_items = np.bincount(codes)[:, None]

    def up_to(weights: np.ndarray | None) -> np.ndarray:
        sums = np.bincount(place, weights=weights, minlength=n_documents * width)
        return np.cumsum(sums.reshape(n_documents, width), axis=1)[:, :-1] / n_items

    return LetThrough(taus, up_to(None), up_to(np.asarray(loss, np.float64)), low, high)
