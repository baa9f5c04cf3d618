"""The quantities that every bound is made of. Losses in bits, complexities in nats.

Names and symbols: vocab_size V, smoothing α, loss_ceiling B, loss_floor ℓmin, loss_range Δ,
dict_size m, n_active k, failure_prob δ.
"""

import math

import numpy as np

from semdim.bounds.validation import (
    check_n_active,
    check_pool_size,
    check_smoothing,
    check_vocab_size,
)
from semdim.errors import DataError

__all__ = [
    "log_choose",
    "loss_ceiling",
    "loss_floor",
    "loss_range",
    "smoothed_loss",
    "sparse_semantic_dimension",
]


def loss_ceiling(vocab_size: int, smoothing: float) -> float:
    """B = log2(V/α): the largest smoothed loss, in bits (paper, Eq. 6)."""
    check_vocab_size(vocab_size)
    check_smoothing(smoothing)
    return math.log2(vocab_size) - math.log2(smoothing)


def loss_floor(vocab_size: int, smoothing: float) -> float:
    """ℓmin = −log2(1 − α + α/V): the smoothed loss of a token predicted with certainty, in bits.

    The paper takes 0; smoothing costs the perfect predictor this much.
    """
    check_vocab_size(vocab_size)
    check_smoothing(smoothing)
    return -math.log1p(-smoothing * (1.0 - 1.0 / vocab_size)) / math.log(2.0)


def loss_range(vocab_size: int, smoothing: float) -> float:
    """Δ = B − ℓmin = log2(1 + (1−α)V/α), in bits: the range that concentration terms may use."""
    check_vocab_size(vocab_size)
    check_smoothing(smoothing)
    return math.log1p((1.0 - smoothing) * vocab_size / smoothing) / math.log(2.0)


def sparse_semantic_dimension(n_active: int | float, dict_size: int) -> float:
    """SSD = k ln(em/k), in nats (paper, Eq. 17). k may be fractional: the paper uses a mean.

    Raises ConfigError unless 0 < k ≤ m.
    """
    check_n_active(n_active, dict_size)
    return n_active * (1.0 + math.log(dict_size / n_active))


def log_choose(dict_size: int, pool_size: int) -> float:
    """ln C(m, P), in nats: what naming P atoms of a dictionary of m costs.

    Raises ConfigError unless 1 ≤ P ≤ m.
    """
    check_pool_size(pool_size, dict_size)
    if pool_size == dict_size:
        return 0.0
    return (
        math.lgamma(dict_size + 1)
        - math.lgamma(pool_size + 1)
        - math.lgamma(dict_size - pool_size + 1)
    )


def smoothed_loss(nll_bits: np.ndarray, smoothing: float, vocab_size: int) -> np.ndarray:
    """−log2((1−α)·2^−nll + α/V) of raw losses −log2 p, in bits, any shape (paper, Eq. 4 and 5).

    Raises DataError for NaN (a missing prediction has to be left out by the caller) and for a
    negative raw loss, which no probability has.
    """
    check_vocab_size(vocab_size)
    check_smoothing(smoothing)
    nll = np.asarray(nll_bits, dtype=np.float64)
    if np.isnan(nll).any():
        raise DataError(f"{int(np.isnan(nll).sum())} losses are NaN; leave them out explicitly.")
    if nll.size and float(nll.min()) < -1e-5:
        raise DataError(f"A raw loss of {float(nll.min()):.6g} bits would be a probability > 1.")
    return -np.log2((1.0 - smoothing) * np.exp2(-nll) + smoothing / vocab_size)
