"""Intervals of means by document: two-sided betting, exact binomial, ratios of means.

Functions take values of independent units and give ends that fail with probability δ in all.
"""

import math

import numpy as np

from semdim.bounds.concentration import BET_CAP, betting_upper
from semdim.bounds.validation import check_bet_cap, check_failure_prob, check_values

BETTING = (
    "Waudby-Smith and Ramdas 2024, betting with predictable plug-in bets, at δ/2 on either side"
)
EXACT = "Clopper and Pearson 1934, exact binomial interval, at δ/2 on either side"
RATIO = (
    "Fieller's construction with betting (Waudby-Smith and Ramdas 2024) in place of Student's t: "
    "the ratios r for which a mean of zero of numerator − r · denominator is not rejected"
)
DELTA = "central limit theorem with the linearised ratio of means; holds as n grows"
NORMAL = "central limit theorem, Student's t; holds as n grows"
RATIO_STEP, RATIO_FROM, RATIO_TO = 1e-3, -0.5, 1.5


def two_sided(
    values: np.ndarray, low: float, high: float, failure_prob: float, cap: float = BET_CAP
) -> tuple[float, float]:
    """Both ends for the mean of ``values`` [n] in [low, high], within that range.

    A bound by betting depends on the order of the values and may lie beyond their own mean. The
    interval is then widened to hold it: a wider interval covers no less often.

    Raises:
        DataError: values outside the range, NaN, or none.
        ConfigError: δ is not in (0, 1).
    """
    half = failure_prob / 2
    upper = betting_upper(values, low, high, half, cap=cap)
    lower = low + high - betting_upper(low + high - values, low, high, half, cap=cap)
    mean = float(np.mean(values))
    return max(low, min(lower, mean)), min(high, max(upper, mean))


def excluded(
    values: np.ndarray,
    low: "float | np.ndarray",
    high: "float | np.ndarray",
    mean: "float | np.ndarray",
    failure_prob: float,
    cap: float = BET_CAP,
) -> np.ndarray:
    """For each row of ``values`` [r, n], whether a mean of at most ``mean`` is rejected at δ.

    The test behind `betting_upper`, many rows at a time: by Ville's inequality a true mean of at
    most ``mean`` is rejected with probability δ at most.
    """
    check_failure_prob(failure_prob)
    log_term = math.log(1.0 / failure_prob)
    return np.asarray(log_capitals(values, low, high, mean, log_term, cap).max(axis=1) >= log_term)


def log_capitals(
    values: np.ndarray,
    low: "float | np.ndarray",
    high: "float | np.ndarray",
    mean: "float | np.ndarray",
    log_term: float,
    cap: float = BET_CAP,
) -> np.ndarray:
    """ln K_t [r, n] of bets that the mean of each row of ``values`` [r, n] exceeds ``mean``.

    Where it does not, K is a nonnegative supermartingale that starts at 1: max K ≥ 1/p has
    probability p at most, and E K_n ≤ 1.

    Args:
        log_term: ln(1/δ) of the level that the bets aim at; any value is valid.
    """
    check_bet_cap(cap)
    column = (len(values), 1)
    low, high, mean = (np.broadcast_to(np.reshape(x, (-1, 1)), column) for x in (low, high, mean))
    gains = (values - low) / (high - low)
    at = (mean - low) / (high - low)
    n = gains.shape[1]
    counts = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(gains, axis=1)) / (counts + 1)
    variances = (0.25 + np.cumsum((gains - means) ** 2, axis=1)) / (counts + 1)
    earlier = np.concatenate([np.full(column, 0.25), variances[:, :-1]], axis=1)
    bets = np.minimum(np.sqrt(2.0 * log_term / (earlier * n)), cap / np.maximum(at, 1e-12))
    return np.cumsum(np.log1p(bets * (gains - at)), axis=1)


def exact_share(n_successes: int, n_values: int, failure_prob: float) -> tuple[float, float]:
    """Clopper and Pearson's interval for a probability."""
    from scipy.stats import beta

    check_failure_prob(failure_prob)
    half, n_failures = failure_prob / 2, n_values - n_successes
    lower = 0.0 if n_successes == 0 else float(beta.ppf(half, n_successes, n_failures + 1))
    upper = 1.0 if n_failures == 0 else float(beta.ppf(1 - half, n_successes + 1, n_failures))
    return lower, upper


def recovered_interval(
    ablated: np.ndarray,
    model: np.ndarray,
    proxy: np.ndarray,
    low: float,
    high: float,
    failure_prob: float,
    cap: float = BET_CAP,
) -> tuple[float | None, float | None]:
    """Ends for R = E(Z − S)/E(Z − M) from losses [n] in [low, high]; needs E Z > E M.

    v(r) = (1−r)Z + rM − S has the mean (R − r)·E(Z − M), so that at every r ≥ R it is at most 0.
    On a grid of r, the smallest r ≥ R is rejected as "at most 0" with probability δ/2; the least r
    that is not rejected, less one step, is therefore at most R. None: the grid's end is not
    rejected.
    """
    for name, values in (("ablated", ablated), ("model", model), ("autoencoder", proxy)):
        check_values(values, low, high, f"losses ({name})")
    grid = np.linspace(RATIO_FROM, RATIO_TO, round((RATIO_TO - RATIO_FROM) / RATIO_STEP) + 1)
    above, below = [], []
    for ratios in np.array_split(grid, 32):
        r = ratios[:, None]
        v = (1 - r) * ablated + r * model - proxy
        span = (high - low) * np.maximum(1.0, np.maximum(ratios, 1.0 - ratios))
        above.append(excluded(v, -span, span, 0.0, failure_prob / 2, cap))
        below.append(excluded(-v, -span, span, 0.0, failure_prob / 2, cap))
    kept_from, kept_to = ~np.concatenate(above), ~np.concatenate(below)
    lower = None if kept_from[0] else float(grid[np.argmax(kept_from)]) - RATIO_STEP
    upper = None if kept_to[-1] else float(grid[::-1][np.argmax(kept_to[::-1])]) + RATIO_STEP
    return lower, upper


def ratio_of_means(
    numerator: np.ndarray, denominator: np.ndarray, failure_prob: float
) -> tuple[float, float, float]:
    """The ratio of two means, and the ends of an approximate interval."""
    ratio = float(numerator.mean() / denominator.mean())
    lower, upper = student(numerator - ratio * denominator, failure_prob)
    centre = float(denominator.mean())
    return ratio, ratio + lower / centre, ratio + upper / centre


def student(values: np.ndarray, failure_prob: float) -> tuple[float, float]:
    """An approximate interval of the mean of ``values`` [n ≥ 2]."""
    from scipy.stats import t

    width = float(t.ppf(1 - failure_prob / 2, len(values) - 1) * values.std(ddof=1))
    width /= math.sqrt(len(values))
    return float(values.mean()) - width, float(values.mean()) + width
