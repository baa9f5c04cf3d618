"""Rank correlations of a score with an outcome: pooled, within documents, between them, partial.

Intervals resample documents. Ranks are those of the whole sample throughout: what is resampled is
the correlation of two fixed transforms of the items, so that a resample costs sums over documents
and no sorting.
"""

import numpy as np
from jaxtyping import Float, Int

from semdim.mistakes.basis import residual


def ranks(values: Float[np.ndarray, " items"]) -> Float[np.ndarray, " items"]:
    """Mid-ranks on a scale from 0 to 1, centred."""
    from scipy.stats import rankdata

    return (rankdata(values) - (len(values) + 1) / 2) / len(values)


def correlations(
    x: Float[np.ndarray, " items"],
    y: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> Float[np.ndarray, " resamples"]:
    """Pearson's correlation when each item counts as often as its document was drawn.

    document: numbers 0 … n−1, the columns of ``multiplicities``. NaN where one side is constant.
    """
    n_documents = multiplicities.shape[1]
    parts = np.stack([np.ones(len(x)), x, y, x * y, x * x, y * y])
    sums = np.stack([np.bincount(document, weights=p, minlength=n_documents) for p in parts])
    n, sx, sy, sxy, sxx, syy = sums @ multiplicities.T.astype(np.float64)
    spread = (sxx - sx * sx / n) * (syy - sy * sy / n)
    shared = sxy - sx * sy / n
    known = spread > 1e-18 * n * n
    return np.divide(shared, np.sqrt(np.abs(spread)), out=np.full(len(n), np.nan), where=known)


def spearman(
    score: Float[np.ndarray, " items"],
    outcome: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> Float[np.ndarray, " resamples"]:
    """Rank correlation over all items, ties at mid-ranks; a row of ones gives the sample's own."""
    return correlations(ranks(score), ranks(outcome), document, multiplicities)


def within(
    score: Float[np.ndarray, " items"],
    outcome: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
) -> Float[np.ndarray, " documents"]:
    """Rank correlation inside each document; NaN where a side is constant there."""
    order = np.argsort(document, kind="stable")
    ends = np.flatnonzero(np.diff(document[order])) + 1
    found = []
    for part in np.split(order, ends):
        x, y = ranks(score[part]), ranks(outcome[part])
        spread = float((x @ x) * (y @ y))
        found.append(float(x @ y) / spread**0.5 if spread > 0 else float("nan"))
    return np.array(found)


def between(
    score: Float[np.ndarray, " items"],
    outcome: Float[np.ndarray, " items"],
    document: Int[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> Float[np.ndarray, " resamples"]:
    """Rank correlation of the documents' means."""
    count = np.bincount(document)
    means = [np.bincount(document, weights=values) / count for values in (score, outcome)]
    return spearman(means[0], means[1], np.arange(len(count)), multiplicities)


def partial(
    score: Float[np.ndarray, " items"],
    outcome: Float[np.ndarray, " items"],
    controls: Float[np.ndarray, "items columns"],
    document: Int[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> Float[np.ndarray, " resamples"]:
    """Correlation of what is left of both ranks after least squares on the controls.

    The fit on the controls is that of the whole sample in every resample.

    controls: a design matrix with an intercept (`semdim.mistakes.basis.design`).
    """
    left = [residual(ranks(values), controls) for values in (score, outcome)]
    return correlations(left[0], left[1], document, multiplicities)


def mean_of(
    values: Float[np.ndarray, " documents"],
    multiplicities: Int[np.ndarray, "resamples documents"],
    weights: Float[np.ndarray, " documents"] | None = None,
) -> Float[np.ndarray, " resamples"]:
    """Mean over documents of what is known of them, each as often as it was drawn."""
    weight = np.ones(len(values)) if weights is None else weights
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    times = multiplicities.astype(np.float64)
    total = times @ (weight * known)
    return np.divide(
        times @ (weight * filled), total, out=np.full(len(total), np.nan), where=total > 0
    )
