"""Several tests at once (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979)."""

import numpy as np
from jaxtyping import Float


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Adjusted p-values: at level a, rejecting those at or below a keeps the chance of any false
    rejection to at most a, however the tests depend on each other. NaN is no test, and stays."""
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factor = len(order) - np.arange(len(order))
    if len(order):
        adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factor), 1.0)
    return adjusted


def p_of_resamples(
    estimate: float, null: float, resampled: Float[np.ndarray, " resamples"]
) -> float:
    """Two-sided p-value of a normal test with the resamples' standard deviation.

    NaN where fewer than two resamples are finite, or they do not vary.
    """
    from scipy.stats import norm

    finite = resampled[np.isfinite(resampled)]
    spread = float(finite.std(ddof=1)) if len(finite) > 1 else 0.0
    if spread <= 1e-12 or not np.isfinite(estimate):
        return float("nan")
    return float(2 * norm.sf(abs(estimate - null) / spread))
