"""Split conformal thresholds: an alarm whose false-alarm rate is known before it is used.

Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005); Papadopoulos et al.,
"Inductive confidence machines for regression" (2002).
"""

from fractions import Fraction
from math import ceil, log

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import beta, binom

from semdim.errors import DataError


def order_statistic(n_calibration: int, false_alarm_rate: float) -> int:
    """r = ⌈(n + 1)(1 − a)⌉, counted from 1, with a read as the decimal number that was written.

    Exact arithmetic: in floating point (n + 1)(1 − a) may land just above a whole number.
    Raises ``DataError`` when r would exceed n, that is when n < 1/a − 1.
    """
    allowed = (n_calibration + 1) * Fraction(repr(float(false_alarm_rate)))
    if allowed < 1:
        # ⌈1/a⌉ − 1 calibration documents are the fewest for which a threshold exists.
        fewest = -(-1 // Fraction(repr(float(false_alarm_rate)))) - 1
        raise DataError(
            f"{n_calibration} calibration documents cannot promise a false-alarm rate of "
            f"{false_alarm_rate}; at least {fewest} are needed: use more ID documents, raise "
            "uncertainty.fit_share, lower uncertainty.guardrail_choice_share, or raise "
            "uncertainty.false_alarm_rate."
        )
    return n_calibration + 1 - int(allowed)


def order_statistic_with_confidence(
    n_calibration: int, false_alarm_rate: float, confidence: float
) -> int:
    """The smallest r whose order statistic keeps to the rate in a share ``confidence`` of samples.

    The share of fresh documents above the r-th smallest of n independent calibration values is
    Beta(n + 1 − r, r), or smaller where values tie. It is at most a exactly when at least
    n + 1 − r of the n values are among the a largest of the distribution: a binomial tail.

    Raises ``DataError`` when even r = n will not do, that is when (1 − a)ⁿ > 1 − confidence.
    Wilks, "Determination of sample sizes for setting tolerance limits" (1941); Vovk, "Conditional
    validity of inductive conformal predictors" (2012).
    """
    ranks = np.arange(1, n_calibration + 1)
    holds = binom.sf(n_calibration - ranks, n_calibration, false_alarm_rate) >= confidence
    if not holds.any():
        fewest = ceil(log(1 - confidence) / log(1 - false_alarm_rate))
        raise DataError(
            f"{n_calibration} calibration documents cannot promise a false-alarm rate of "
            f"{false_alarm_rate} with confidence {confidence}; at least {fewest} are needed: use "
            "more ID documents, or lower uncertainty.guardrail_confidence."
        )
    return int(ranks[holds.argmax()])


def conformal_threshold(
    calibration: Float[np.ndarray, " n_calibration"], false_alarm_rate: float
) -> float:
    """τ, the ⌈(n + 1)(1 − a)⌉-th smallest calibration value.

    If the n calibration values and a fresh one are exchangeable, then P(fresh > τ) ≤ a; ties only
    lower that probability. Raises ``DataError`` as ``order_statistic``.
    """
    rank = order_statistic(len(calibration), false_alarm_rate)
    return float(np.partition(calibration, rank - 1)[rank - 1])


def rate_given_calibration(n_calibration: int, false_alarm_rate: float, level: float) -> float:
    """The rate that the alarm stays under in a share ``level`` of all calibration samples.

    The promise a holds on average over calibration samples. For one sample, the true rate follows
    Beta(n + 1 − r, r) when documents are independent and values have no ties; ties lower it.
    """
    rank = order_statistic(n_calibration, false_alarm_rate)
    return float(beta.ppf(level, n_calibration + 1 - rank, rank))


def document_rates(
    flagged: Float[np.ndarray, " sequences"], document: Int[np.ndarray, " sequences"]
) -> Float[np.ndarray, " documents"]:
    """Share of each document's sequences that are flagged.

    Its mean over documents is the chance that a random sequence of a random document is flagged.
    Long documents do not count more.
    """
    _, code = np.unique(document, return_inverse=True)
    return np.bincount(code, weights=flagged) / np.bincount(code)


def bootstrap_mean(
    values: Float[np.ndarray, " documents"],
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Percentile interval of the mean of documents, drawn with replacement."""
    drawn = rng.integers(0, len(values), size=(n_resamples, len(values)))
    low, high = np.quantile(
        values[drawn].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2]
    )
    return float(low), float(high)
