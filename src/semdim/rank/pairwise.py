"""Two autoencoders on the same documents: bets on the sign of a difference, pair by pair.

Everything takes differences of bounded values of independent documents, many pairs at a time.
"""

from dataclasses import dataclass

import numpy as np

from semdim.bounds.concentration import BET_CAP
from semdim.bounds.validation import check_values
from semdim.certificate.intervals import log_capitals
from semdim.errors import DataError

ROWS = 512
"""Pairs that are worked on together."""
LARGEST_LOG_E = 700.0
"""e-values are kept below e^700, which a float can hold."""


@dataclass(frozen=True)
class Tests:
    """One-sided tests of all ordered pairs of K autoencoders; arrays have shape [K, K].

    Entry [a, b] is about "a is more faithful than b": its null hypothesis is that the mean of a is
    at least that of b. The diagonal holds what never rejects.
    """

    p: np.ndarray
    """p-values, 1/max K_t."""
    e: np.ndarray
    """e-values, K_n: their expectation under the null hypothesis is 1 at most."""

    @property
    def n_hypotheses(self) -> int:
        """K(K − 1)."""
        return len(self.p) * (len(self.p) - 1)


def check_table(values: np.ndarray, cap: float) -> None:
    """Refuse what is no table of values in [0, cap], documents × autoencoders.

    Raises:
        DataError: what is wrong with it.
    """
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 1:
        raise DataError(
            "A ranking needs values for two or more documents per autoencoder, got an array of "
            f"shape {values.shape}."
        )
    check_values(values.ravel(), 0.0, cap, "capped changes of the loss")


def ordered_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Both members of all ordered pairs of ``n``."""
    first, second = np.nonzero(~np.eye(n, dtype=bool))
    return first, second


def pairwise_tests(
    values: np.ndarray, cap: float, failure_prob: float, bet_cap: float = BET_CAP
) -> Tests:
    """Betting tests of every ordered pair.

    Args:
        values: [n, K] in [0, cap], smaller is better; rows are independent documents.
        failure_prob: the family-wise level that the bets aim at.

    Raises:
        DataError: values outside the range, NaN, or fewer than two documents.
    """
    check_table(values, cap)
    n_saes = values.shape[1]
    first, second = ordered_pairs(n_saes)
    p, e = np.ones((n_saes, n_saes)), np.zeros((n_saes, n_saes))
    aim = float(np.log(max(len(first), 1) / failure_prob))
    for start in range(0, len(first), ROWS):
        a, b = first[start : start + ROWS], second[start : start + ROWS]
        differences = (values[:, b] - values[:, a]).T
        capital = log_capitals(differences, -cap, cap, 0.0, aim, bet_cap)
        p[a, b] = np.exp(-np.maximum(capital.max(axis=1), 0.0))
        e[a, b] = np.exp(np.minimum(capital[:, -1], LARGEST_LOG_E))
    return Tests(p, e)


def documents_needed(
    differences: np.ndarray,
    cap: float,
    n_hypotheses: int,
    failure_prob: float,
    bet_cap: float = BET_CAP,
) -> np.ndarray:
    """About how many documents would show the sign of each row's mean, [r]; inf where it is 0.

    ln(m/δ) / max over 0 ≤ λ ≤ bet_cap/c of mean ln(1 + λd): the capital that the best constant bet
    λ gains on a document, and the capital that is wanted. It takes the documents at hand for the
    law of further ones, and bets that are the best ones from the start, so it is a plan and no
    promise; where the sign of d itself is by chance, it is too small.

    Args:
        differences: [r, n] in [−cap, cap]; of each row the sign of its mean is to be shown.
    """
    wanted = np.log(max(n_hypotheses, 1) / failure_prob)
    signs = np.sign(differences.mean(axis=1))
    oriented = differences * signs[:, None]
    low, high = np.zeros(len(oriented)), np.full(len(oriented), bet_cap / cap)
    for _ in range(50):  # the slope of a concave function, bisected
        middle = (low + high) / 2
        rises = (oriented / (1 + middle[:, None] * oriented)).mean(axis=1) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    growth = np.log1p(low[:, None] * oriented).mean(axis=1)
    with np.errstate(divide="ignore"):
        return np.where(growth > 0, np.ceil(wanted / np.maximum(growth, 1e-300)), np.inf)
