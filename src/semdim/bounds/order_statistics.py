"""Upper confidence bounds for quantiles of any law, and for the share of it above a level.

Let x be the smallest level above which at most q of the law lies. At least q of it then lies at or
above x, so that the (r + 1)-th largest of n independent values is below x with probability at most
P(binomial(n, q) ≤ r): an exact statement, in which neither a range nor a variance occurs.
"""

import math

import numpy as np

from semdim.bounds.validation import check_count, check_failure_prob
from semdim.errors import ConfigError

SOURCE = "order statistics and the exact binomial law (Clopper and Pearson 1934)"
DKW = "Dvoretzky, Kiefer and Wolfowitz, with the constant of Massart 1990, one-sided"


def largest_rank(n_values: int, share: float, failure_prob: float) -> int | None:
    """The largest r with P(binomial(n, q) ≤ r) ≤ δ, at q = `share`; None when even r = 0 has more.

    Raises ConfigError for a share or a δ outside (0, 1); DataError for n < 1.
    """
    from scipy.stats import binom

    check_failure_prob(failure_prob)
    check_count(n_values, "n_values")
    if not 0.0 < share < 1.0:
        raise ConfigError(f"A share of documents must lie strictly between 0 and 1, got {share}.")
    below = binom.cdf(np.arange(n_values + 1), n_values, share) <= failure_prob
    return int(below.sum()) - 1 if below[0] else None


def quantile_upper(values: np.ndarray, ceiling: float, share: float, failure_prob: float) -> float:
    """A number x such that, with probability at least 1 − δ, at most `share` of the law lies above
    x: an order statistic of the values [n], or the ceiling when there are too few of them."""
    rank = largest_rank(len(values), share, failure_prob)
    return ceiling if rank is None else float(np.sort(values)[::-1][rank])


def share_above(values: np.ndarray, level: float, failure_prob: float) -> float:
    """An upper bound for the share of the law above `level`, for **all** levels at once: the
    sample's share + √(ln(1/δ)/2n), at most 1. Needs δ ≤ 1/2.

    Raises ConfigError for a δ above 1/2 or not in (0, 1); DataError without values.
    """
    check_failure_prob(failure_prob)
    check_count(len(values), "n_values")
    if failure_prob > 0.5:
        raise ConfigError(f"The one-sided band needs δ of at most 1/2, got {failure_prob}.")
    width = math.sqrt(math.log(1.0 / failure_prob) / (2.0 * len(values)))
    return min(1.0, float((values > level).mean()) + width)
