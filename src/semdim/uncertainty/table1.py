"""Table 1 and Figure 2 of the paper: how many atoms are active per token, corpus by corpus."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.tokens.positions import counted
from semdim.uncertainty.verdict import SpecialPositions

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "q99": 0.99}
SPARSITY_COLUMNS = ("corpus", "positions", "n_tokens", "mean", "std", "min", *QUANTILES, "max")
HISTOGRAM_COLUMNS = ("corpus", "positions", "left", "right", "count")


def counts_by_positions(tokens: pd.DataFrame) -> Iterator[tuple[str, Int[np.ndarray, " tokens"]]]:
    """n_active over "all" positions and "without_bos" (neither position 0 nor a BOS token)."""
    yield "all", tokens["n_active"].to_numpy(dtype=np.int64)
    yield "without_bos", counted(tokens)["n_active"].to_numpy(dtype=np.int64)


def summarise(n_active: Int[np.ndarray, " tokens"]) -> dict[str, int | float]:
    """Mean, standard deviation (of these tokens, not an estimate: ddof = 0), extremes, quantiles.

    Quantiles are values that occur: the smallest count that a share q of the tokens stays at or
    below. Raises ``DataError`` for no tokens.
    """
    if n_active.size == 0:
        raise DataError("There is no token whose n_active could be summarised.")
    quantiles = np.quantile(n_active, list(QUANTILES.values()), method="inverted_cdf")
    return {
        "n_tokens": int(n_active.size),
        "mean": float(n_active.mean()),
        "std": float(n_active.std()),
        "min": int(n_active.min()),
        **{name: int(value) for name, value in zip(QUANTILES, quantiles, strict=True)},
        "max": int(n_active.max()),
    }


def sparsity_table(tokens: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Table 1: a row per corpus and choice of positions (``SPARSITY_COLUMNS``)."""
    rows = [
        {"corpus": corpus, "positions": positions, **summarise(counts)}
        for corpus, table in tokens.items()
        for positions, counts in counts_by_positions(table)
    ]
    return pd.DataFrame(rows, columns=list(SPARSITY_COLUMNS))


def histogram_edges(n_active: Int[np.ndarray, " tokens"], n_bins: int) -> Int[np.ndarray, " edges"]:
    """Whole-number bin edges from 0 to beyond the largest count, all of one width.

    The width puts 99.5 % of the tokens into ``n_bins`` bins, so that a heavy tail does not flatten
    the bulk into one bar; a tail so long that it would need ten times as many bins widens them.
    """
    largest = int(n_active.max())
    bulk = int(np.quantile(n_active, 0.995, method="inverted_cdf"))
    width = max(1, math.ceil((bulk + 1) / n_bins), math.ceil((largest + 1) / (10 * n_bins)))
    return np.arange(0, largest + 1 + width, width)


def sparsity_histogram(tokens: Mapping[str, pd.DataFrame], n_bins: int) -> pd.DataFrame:
    """Figure 2: counts per bin [left, right), the same bins for every corpus and positions."""
    counts = {
        (corpus, positions): values
        for corpus, table in tokens.items()
        for positions, values in counts_by_positions(table)
    }
    edges = histogram_edges(np.concatenate(list(counts.values())), n_bins)
    parts = [
        pd.DataFrame(
            {
                "corpus": corpus,
                "positions": positions,
                "left": edges[:-1],
                "right": edges[1:],
                # np.histogram closes the last bin on the right; the last edge exceeds every count.
                "count": np.histogram(values, bins=edges)[0],
            }
        )
        for (corpus, positions), values in counts.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(HISTOGRAM_COLUMNS)]


def geometric_edges(values: Float[np.ndarray, " values"], n_bins: int) -> np.ndarray:
    """Whole-number edges in equal ratios, from the smallest value to beyond the largest; fewer
    than ``n_bins`` bins where ratios would split a whole number."""
    low, high = max(1, int(values.min())), int(values.max()) + 1
    inner = np.rint(np.geomspace(low, max(high, low + 1), n_bins + 1)).astype(np.int64)
    return np.unique(np.concatenate([[int(values.min())], inner]))


def sequence_histogram(
    values: Mapping[str, Float[np.ndarray, " sequences"]], n_bins: int
) -> pd.DataFrame:
    """What the guardrail sees: sequences by their statistic of n_active, position 0 left out.

    Columns corpus, left, right, count; the same bins [left, right) for every corpus, in equal
    ratios: values lie within a factor of two of each other, or are outliers.
    """
    edges = geometric_edges(np.concatenate(list(values.values())), n_bins)
    parts = [
        pd.DataFrame(
            {
                "corpus": corpus,
                "left": edges[:-1],
                "right": edges[1:],
                "count": np.histogram(found, bins=edges)[0],
            }
        )
        for corpus, found in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def position_zero(tokens: Mapping[str, pd.DataFrame]) -> dict[str, SpecialPositions]:
    """What was kept apart: n_active at position 0 and BOS tokens, per corpus."""
    facts = {}
    for corpus, table in tokens.items():
        apart = table.drop(counted(table).index)["n_active"].to_numpy()
        facts[corpus] = SpecialPositions(
            n_tokens=int(apart.size),
            n_distinct=int(np.unique(apart).size),
            mean=float(apart.mean()),
            min=int(apart.min()),
            max=int(apart.max()),
        )
    return facts
