"""Upper confidence bounds for the mean of a bounded variable: all of the statistics in semdim.

Every function takes values in [low, high] and returns a number that the true mean exceeds with
probability at most `failure_prob` (one-sided). No value is clipped. Sources:

* Hoeffding (1963), Theorem 2.
* Maurer and Pontil (2009), "Empirical Bernstein Bounds and Sample Variance Penalization", Thm 4.
* Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting":
  hedged capital with predictable plug-in bets, one-sided.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from semdim.bounds.validation import (
    check_bet_cap,
    check_count,
    check_failure_prob,
    check_values,
)
from semdim.errors import ConfigError, DataError

Method = Literal["hoeffding", "maurer_pontil", "betting", "betting_sequence"]
METHODS: tuple[Method, ...] = get_args(Method)
SOURCES: dict[Method, str] = {
    "hoeffding": "Hoeffding 1963, Theorem 2",
    "maurer_pontil": "Maurer and Pontil 2009, Theorem 4",
    "betting": "Waudby-Smith and Ramdas 2024, betting with predictable plug-in bets",
    "betting_sequence": "Waudby-Smith and Ramdas 2024, betting confidence sequence",
}
"""Where each method comes from, as the rows of bounds say it."""
BET_CAP = 0.99
"""Largest part of the capital that one value may lose (below 1, so that no bet ruins). Any value
below 1 is valid; 0.75, as in the paper on betting, gives away a little when the mean is near an end
of the range."""
RESOLUTION = 1e-10
"""Tolerance of the inversion, as a share of the range; added on the safe side."""


def hoeffding_width(span: float, log_term: float, n_units: int) -> float:
    """Δ√(L/2n): H(L) of docs/bounds.md, in the unit of `span`. L = ln(1/δ), plus what a union
    bound adds. Needs independent values, not necessarily of one law."""
    check_count(n_units, "n_units")
    return span * math.sqrt(log_term / (2.0 * n_units))


def maurer_pontil_width(variance: float, span: float, log_term: float, n_units: int) -> float:
    """√(2VL/n) + 7ΔL/(3(n−1)), V the sample variance (divisor n−1), L = ln(2/δ). Needs n ≥ 2."""
    check_count(n_units, "n_units", 2, "the sample variance needs two values")
    first = math.sqrt(2.0 * variance * log_term / n_units)
    return first + 7.0 * span * log_term / (3.0 * (n_units - 1))


def plug_in_bets(gains: np.ndarray, log_term: float, fixed_n: bool) -> np.ndarray:
    """Predictable bets λ_1 … λ_n for values y in [0, 1]: λ_t depends on y_1 … y_{t−1} alone.

    λ_t = √(2L / (σ̂²_{t−1}·n)) with L = ln(1/δ) for a bound at one n fixed beforehand, and with
    t·ln(1+t) in place of n for a sequence; σ̂² is regularised by one value of mean 1/2 and
    variance 1/4.
    """
    counts = np.arange(1, len(gains) + 1)
    means = (0.5 + np.cumsum(gains)) / (counts + 1)
    variances = (0.25 + np.cumsum((gains - means) ** 2)) / (counts + 1)
    earlier = np.concatenate([[0.25], variances[:-1]])
    horizon = float(len(gains)) if fixed_n else counts * np.log1p(counts)
    return np.sqrt(2.0 * log_term / (earlier * horizon))


def log_capital(
    gains: np.ndarray, bets: np.ndarray, mean: float, cap: float = BET_CAP
) -> np.ndarray:
    """ln K_t(μ), t = 1 … n, K_t(μ) = Π (1 + min(λ_i, c/μ)(y_i − μ)): a nonnegative
    supermartingale when the true mean is at most μ, and non-increasing in μ for every t."""
    capped = bets if mean <= 0.0 else np.minimum(bets, cap / mean)
    return np.cumsum(np.log1p(capped * (gains - mean)))


def _betting_lower(
    gains: np.ndarray, bets: np.ndarray, log_term: float, cap: float, start: float = 0.0
) -> float:
    """The largest μ whose capital has reached e^L at some time (Ville), less the resolution."""
    from scipy.optimize import brentq

    def excess(mean: float) -> float:
        return float(log_capital(gains, bets, mean, cap).max()) - log_term

    if excess(start) < 0.0:
        return start
    root = float(brentq(excess, start, 1.0 + 1e-6, xtol=RESOLUTION, rtol=1e-14))
    return max(start, root - 2.0 * RESOLUTION)


def _as_gains(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """y = 1 − (x − low)/Δ: an upper bound for the mean of x is a lower bound for that of y."""
    return 1.0 - (values - low) / (high - low)


def betting_upper(
    values: np.ndarray,
    low: float,
    high: float,
    failure_prob: float,
    log_union: float = 0.0,
    cap: float = BET_CAP,
) -> float:
    """Betting bound at one n fixed beforehand, shape [n] (n ≥ 1), in the unit of the values.

    Needs a constant conditional mean given the past (i.i.d. is enough); the order of the values
    must not depend on them. At 1e6 values it takes a fraction of a second.
    """
    check_failure_prob(failure_prob)
    check_bet_cap(cap)
    check_values(values, low, high, "losses")
    gains, log_term = _as_gains(values, low, high), math.log(1.0 / failure_prob) + log_union
    lower = _betting_lower(gains, plug_in_bets(gains, log_term, True), log_term, cap)
    return high - (high - low) * lower


def betting_sequence_upper(
    values: np.ndarray,
    low: float,
    high: float,
    failure_prob: float,
    at: Sequence[int],
    log_union: float = 0.0,
    cap: float = BET_CAP,
) -> np.ndarray:
    """Betting confidence sequence at the counts `at` (ascending), shape [len(at)].

    With probability at least 1 − δ the mean lies below the curve at every count 1, 2, 3, … at
    once, so looking at many counts, or stopping at the best one, costs nothing. Never rises.
    """
    check_failure_prob(failure_prob)
    check_bet_cap(cap)
    check_values(values, low, high, "losses")
    if list(at) != sorted(at) or not at or at[0] < 1 or at[-1] > len(values):
        raise DataError(f"The counts must ascend within 1 … {len(values)}, got {list(at)}.")
    gains, log_term = _as_gains(values, low, high), math.log(1.0 / failure_prob) + log_union
    bets = plug_in_bets(gains, log_term, False)
    lower, curve = 0.0, []
    for count in at:
        lower = _betting_lower(gains[:count], bets[:count], log_term, cap, lower)
        curve.append(high - (high - low) * lower)
    return np.asarray(curve)


def upper_mean(
    values: np.ndarray,
    low: float,
    high: float,
    failure_prob: float,
    method: Method,
    log_union: float = 0.0,
    bet_cap: float = BET_CAP,
) -> float:
    """Upper confidence bound of the mean of `values` [n] in [low, high] by one of `METHODS`.

    `log_union` is the logarithm of the number of candidates among which the values were chosen
    after the sample was seen (ln C(m, P) for a pool): the bound then holds for all at once.
    `bet_cap` is the largest part of the capital that a bet may lose, where the method bets.

    Raises ConfigError for an unknown method or δ; DataError for values that are NaN, outside the
    range, or too few (n ≥ 1; Maurer–Pontil n ≥ 2).
    """
    check_failure_prob(failure_prob)
    check_values(values, low, high, "losses", 2 if method == "maurer_pontil" else 1)
    mean, n_units, span = float(values.mean()), len(values), high - low
    if method == "hoeffding":
        return mean + hoeffding_width(span, math.log(1.0 / failure_prob) + log_union, n_units)
    if method == "maurer_pontil":
        variance, log_term = float(values.var(ddof=1)), math.log(2.0 / failure_prob) + log_union
        return mean + maurer_pontil_width(variance, span, log_term, n_units)
    if method == "betting":
        return betting_upper(values, low, high, failure_prob, log_union, bet_cap)
    if method == "betting_sequence":
        found = betting_sequence_upper(
            values, low, high, failure_prob, [n_units], log_union, bet_cap
        )
        return float(found[0])
    raise ConfigError(f"method must be one of {', '.join(METHODS)}, got '{method}'.")
