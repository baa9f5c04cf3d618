"""An upper bound for the mean of conditional means, whatever the dependence of the values.

Values x_1 … x_n in [low, high] come in an order that was fixed beforehand; μ_t = E[x_t | past] may
be any function of the past. With y = 1 − (x − low)/Δ, ŷ_t any function of y_1 … y_{t−1} in [0, 1],
v_t = (y_t − ŷ_t)², ψ(λ) = −ln(1 − λ) − λ and a λ in (0, 1) fixed beforehand,

    exp(λ Σ (y_t − E[y_t | past]) − ψ(λ) Σ v_t)

is a nonnegative supermartingale with mean at most 1 (Fan, Grama and Liu 2015;
with ŷ, Waudby-Smith and Ramdas 2024, Theorem 2): ln(1 + λξ) ≥ λξ − ψ(λ)ξ² for ξ ≥ −1. So is a
mixture over a fixed grid of λ. Since
Σ (y_t − E[y_t | past]) = Σ (μ_t − x_t)/Δ, Ville's inequality bounds the mean of the μ_t.

Betting cannot be used here: its capital is a supermartingale for one mean that is the same at
every step. Here the exponent is linear in the μ_t, and λ the same at every step, so that it is
their plain average that is bounded.
"""

import math

import numpy as np

from semdim.bounds.validation import check_failure_prob, check_values

SOURCE = "empirical Bernstein for martingale differences (Fan et al. 2015; Waudby-Smith and Ramdas)"
STEPS = tuple(range(-4, 5))
"""The grid of λ: λ_0·2^(j/2), where λ_0 suits values of the variance of a uniform law."""
PRIOR = np.array([1.0 / (1.0 + abs(j)) ** 2 for j in STEPS])
"""Weights of the grid before they are made to sum to 1; most on λ_0."""
LARGEST = 0.5
"""No λ is larger: ψ(λ) grows without limit as λ → 1."""


def rates(n_values: int, log_term: float) -> np.ndarray:
    """The grid of λ for n values at L = ln(1/δ), ascending, [9]: no value is looked at.

    λ_0 = √(2L/(n/12)) would be nearly the best choice for values of variance 1/12.
    """
    center = math.sqrt(24.0 * log_term / n_values)
    return np.minimum(LARGEST, center * 2.0 ** (np.array(STEPS) / 2.0))


def conditional_mean_upper(
    values: np.ndarray, low: float, high: float, failure_prob: float
) -> float:
    """A number that (1/n)·Σ E[x_t | x_1 … x_{t−1}, …] exceeds with probability at most δ.

    values: [n] in [low, high], in an order that was fixed beforehand, n fixed beforehand. What is
    conditioned on may hold more than the earlier values. Nothing is assumed of the dependence.

    Raises ConfigError for δ; DataError for values that are NaN or outside the range.
    """
    check_values(values, low, high, "losses")
    spread = float(RunningSpread(low, high).squares(values).sum())
    return upper_of_spread(float(values.mean()), spread, len(values), low, high, failure_prob)


def upper_of_spread(
    mean: float, spread: float, n_values: int, low: float, high: float, failure_prob: float
) -> float:
    """`conditional_mean_upper` from the values' mean, their number n and Σ (y_t − ŷ_t)².

    Raises ConfigError for δ.
    """
    check_failure_prob(failure_prob)
    log_term = math.log(1.0 / failure_prob)
    excess = _largest_sum(spread, rates(n_values, log_term), log_term)
    return mean + (high - low) * excess / n_values


class RunningSpread:
    """(y_t − ŷ_t)² of values that come a stretch at a time, ŷ_t the mean of ½ and the values before
    t; x in [low, high] and y = 1 − (x − low)/(high − low)."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._width = low, high - low
        self._n_values, self._total = 0, 0.0

    def squares(self, values: np.ndarray) -> np.ndarray:
        """Of the next values, [n]."""
        gains = 1.0 - (values - self._low) / self._width
        sums = np.cumsum(np.concatenate([[self._total], gains]))
        counts = self._n_values + np.arange(1, len(gains) + 1)
        self._n_values, self._total = self._n_values + len(gains), float(sums[-1])
        return np.asarray((gains - (0.5 + sums[:-1]) / counts) ** 2)

    def add(self, values: np.ndarray) -> np.ndarray:
        """Sums over the rows of the next values [s, t], which come row by row, [s]."""
        return np.asarray(self.squares(values.reshape(-1)).reshape(values.shape).sum(axis=1))


def _largest_sum(spread: float, lambdas: np.ndarray, log_term: float) -> float:
    """The S at which ln Σ w_j exp(λ_j S − ψ(λ_j)·spread) reaches L; it increases in S."""
    from scipy.optimize import brentq
    from scipy.special import logsumexp

    weights = np.log(PRIOR / PRIOR.sum())
    penalty = (-np.log1p(-lambdas) - lambdas) * spread

    def log_capital(total: float) -> float:
        return float(logsumexp(weights + lambdas * total - penalty)) - log_term

    # With any one λ_j alone the capital is smaller, so the best of them is an upper end.
    end = float(((log_term - weights + penalty) / lambdas).min())
    return min(end, float(brentq(log_capital, 0.0, end + 1e-9, xtol=1e-9)) + 2e-9)
