"""From tests of pairs to an order: Holm, e-BH, what follows, intervals of ranks.

Sources: Holm 1979; Wang and Ramdas 2022, "False discovery rate control with e-values" (e-BH);
Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for ranks" (ranks from differences).
"""

import numpy as np

from semdim.mistakes.holm import holm as adjusted


def holm(p: np.ndarray, failure_prob: float) -> np.ndarray:
    """Which of the hypotheses [m] are rejected; any false rejection has probability δ at most,
    however the p-values depend on each other."""
    return np.asarray(adjusted(p) <= failure_prob)


def e_bh(e: np.ndarray, rate: float) -> np.ndarray:
    """Which of the hypotheses [m] are rejected; of the rejections a share ``rate`` at most is false
    on average, however the e-values depend on each other."""
    order = np.argsort(-e, kind="stable")
    holds = np.arange(1, len(e) + 1) * e[order] >= len(e) / rate
    n_rejected = int(np.flatnonzero(holds)[-1]) + 1 if holds.any() else 0
    rejected = np.zeros(len(e), dtype=bool)
    rejected[order[:n_rejected]] = True
    return rejected


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """The entries of ordered pairs, [K(K − 1)]."""
    return np.asarray(matrix[~np.eye(len(matrix), dtype=bool)])


def as_matrix(values: np.ndarray, n: int) -> np.ndarray:
    """The inverse of `off_diagonal`, with False or 0 on the diagonal."""
    matrix = np.zeros((n, n), dtype=values.dtype)
    matrix[~np.eye(n, dtype=bool)] = values
    return matrix


def closure(better: np.ndarray) -> np.ndarray:
    """The claims [K, K] and all that follow from them by "a before b, b before c".

    Where every claim is true, all that follows is, so that it costs no share of δ.
    """
    found = better.copy()
    for middle in range(len(found)):
        found |= np.outer(found[:, middle], found[middle])
    return found


def neighbours(better: np.ndarray) -> np.ndarray:
    """Of a transitive order [K, K] without cycles, the pairs with nothing between: the lines of its
    Hasse diagram."""
    between = (better.astype(np.int64) @ better.astype(np.int64)) > 0
    return np.asarray(better & ~between)


def rank_intervals(better: np.ndarray) -> np.ndarray:
    """First and last rank that the claims leave each autoencoder, [K, 2]; 1 is the best.

    The rank of a is 1 + how many have a smaller mean; among equals it is any of those that they
    share. Where every claim is true, every rank is inside.
    """
    n_better, n_worse = better.sum(axis=0), better.sum(axis=1)
    return np.stack([1 + n_better, len(better) - n_worse], axis=1)
