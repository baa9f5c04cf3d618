"""Errors and calibration in bins of k: as they are, and freed of the controls."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.mistakes.basis import Basis, design, residual
from semdim.mistakes.evaluation import Draws
from semdim.mistakes.items import CONTROLS, TOP1, Items
from semdim.mistakes.reliability import reliability, resampled_ece


def bins_of(k: Float[np.ndarray, " items"], n_bins: int) -> Int[np.ndarray, " items"]:
    """Number of the bin of each item: about equal counts, cut at whole numbers; fewer bins where
    one k has many items."""
    quantiles = np.quantile(k, np.arange(1, n_bins) / n_bins, method="inverted_cdf")
    inner = np.unique(quantiles[quantiles < k.max()])
    return np.searchsorted(inner, k, side="left")


def by_k(items: Items, draws: Draws, n_bins: int, confidence_bins: int) -> pd.DataFrame:
    """errors_by_k.csv: a row per bin of k.

    The adjusted mean of an outcome is what least squares on splines of the controls leaves of it,
    plus its overall mean: what the bin would have, were its tokens like the average token in
    position, frequency and entropy.
    """
    k = items.rows["n_active"].to_numpy(dtype=np.float64)
    member = bins_of(k, n_bins)
    variables = [items.controls[name] for name in CONTROLS]
    matrix = design([Basis.of(values) for values in variables], variables)
    found = []
    for index in range(int(member.max()) + 1):
        inside = member == index
        row: dict[str, float | int] = {
            "bin": index + 1,
            "least_k": float(k[inside].min()),
            "largest_k": float(k[inside].max()),
            "mean_k": float(k[inside].mean()),
            "n_tokens": int(inside.sum()),
        }
        for name, outcome in items.outcomes.items():
            adjusted = residual(outcome, matrix) + outcome.mean()
            for prefix, values in (("", outcome), ("adjusted_", adjusted)):
                row |= _mean(f"{prefix}{name}", values[inside], items.document[inside], draws)
        if TOP1 in items.outcomes:
            right = 1.0 - items.outcomes[TOP1][inside]
            confidence = _confidence(items)[inside]
            row["confidence"] = float(confidence.mean())
            row["accuracy"] = float(right.mean())
            row |= draws.named(
                "ece",
                reliability(confidence, right, confidence_bins).ece,
                resampled_ece(
                    confidence, right, items.document[inside], draws.times, confidence_bins
                ),
            )
        found.append(row)
    return pd.DataFrame(found)


def reliability_table(items: Items, n_bins: int, confidence_bins: int) -> pd.DataFrame:
    """reliability.csv: a row per bin of k (0: all tokens) and bin of confidence; empty where the
    ledger has no top-1 error."""
    columns = ["k_bin", "left", "count", "confidence", "accuracy"]
    if TOP1 not in items.outcomes:
        return pd.DataFrame(columns=columns)
    member = bins_of(items.rows["n_active"].to_numpy(dtype=np.float64), n_bins)
    right, confidence = 1.0 - items.outcomes[TOP1], _confidence(items)
    parts = []
    for index in range(int(member.max()) + 2):
        inside = (member == index - 1) | (index == 0)
        found = reliability(confidence[inside], right[inside], confidence_bins)
        parts.append(
            pd.DataFrame(
                {
                    "k_bin": index,
                    "left": found.left,
                    "count": found.count,
                    "confidence": found.confidence,
                    "accuracy": found.accuracy,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _confidence(items: Items) -> np.ndarray:
    return np.clip(items.rows["max_prob"].to_numpy(dtype=np.float64), 0.0, 1.0)


def _mean(name: str, values: np.ndarray, document: np.ndarray, draws: Draws) -> dict[str, float]:
    n_documents = draws.times.shape[1]
    total = np.bincount(document, weights=values, minlength=n_documents)
    count = np.bincount(document, minlength=n_documents).astype(np.float64)
    times = draws.times.astype(np.float64)
    drawn = times @ count
    means = np.divide(times @ total, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
    return draws.named(name, float(values.mean()), means)
