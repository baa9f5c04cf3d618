"""Table 1 and Figure 2 of the paper: how many atoms are active per token, corpus by corpus."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.ledger.means import Counts
from semdim.ledger.rows import Rows, stretches
from semdim.tokens.positions import counted_mask
from semdim.uncertainty.verdict import SpecialPositions

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "q99": 0.99}
SPARSITY_COLUMNS = ("corpus", "positions", "n_tokens", "mean", "std", "min", *QUANTILES, "max")
HISTOGRAM_COLUMNS = ("corpus", "positions", "left", "right", "count")


def counts_by_positions(tokens: Rows) -> dict[str, Counts]:
    """n_active over "all" positions, "without_bos" (neither position 0 nor a BOS token), and of
    those two, "special"."""
    found = {"all": Counts(), "without_bos": Counts(), "special": Counts()}
    for rows in stretches(tokens, ("n_active", "is_bos", "position")):
        n_active = rows["n_active"].to_numpy(dtype=np.int64)
        mask = counted_mask(rows["is_bos"].to_numpy(dtype=bool), rows["position"].to_numpy())
        found["all"].add(n_active)
        found["without_bos"].add(n_active[mask])
        found["special"].add(n_active[~mask])
    return found


def summarise(n_active: Counts | Int[np.ndarray, " tokens"]) -> dict[str, int | float]:
    """Mean, standard deviation (of these tokens, not an estimate: ddof = 0), extremes, quantiles.

    Quantiles are values that occur: the smallest count that a share q of the tokens stays at or
    below. Raises ``DataError`` for no tokens.
    """
    counts = n_active if isinstance(n_active, Counts) else counted_of(n_active)
    if not len(counts):
        raise DataError("There is no token whose n_active could be summarised.")
    values = counts.values
    return {
        "n_tokens": len(counts),
        "mean": counts.mean(),
        "std": counts.std(),
        "min": int(values[0]),
        **dict(zip(QUANTILES, counts.quantiles(list(QUANTILES.values())), strict=True)),
        "max": int(values[-1]),
    }


def counted_of(values: Int[np.ndarray, " tokens"]) -> Counts:
    """The counts of values in memory."""
    counts = Counts()
    counts.add(values)
    return counts


def sparsity_table(tokens: Mapping[str, Rows]) -> pd.DataFrame:
    """Table 1: a row per corpus and choice of positions (``SPARSITY_COLUMNS``)."""
    rows = [
        {"corpus": corpus, "positions": positions, **summarise(counts)}
        for corpus, table in tokens.items()
        for positions, counts in counts_by_positions(table).items()
        if positions != "special"
    ]
    return pd.DataFrame(rows, columns=list(SPARSITY_COLUMNS))


def histogram_edges(
    n_active: Counts | Int[np.ndarray, " tokens"], n_bins: int
) -> Int[np.ndarray, " edges"]:
    """Whole-number bin edges from 0 to beyond the largest count, all of one width.

    The width puts 99.5 % of the tokens into ``n_bins`` bins, so that a heavy tail does not flatten
    the bulk into one bar; a tail so long that it would need ten times as many bins widens them.
    """
    counts = n_active if isinstance(n_active, Counts) else counted_of(n_active)
    largest = int(counts.values[-1])
    bulk = counts.quantiles([0.995])[0]
    width = max(1, math.ceil((bulk + 1) / n_bins), math.ceil((largest + 1) / (10 * n_bins)))
    return np.arange(0, largest + 1 + width, width)


def sparsity_histogram(tokens: Mapping[str, Rows], n_bins: int) -> pd.DataFrame:
    """Figure 2: counts per bin [left, right), the same bins for every corpus and positions."""
    counts = {
        (corpus, positions): found
        for corpus, table in tokens.items()
        for positions, found in counts_by_positions(table).items()
        if positions != "special"
    }
    together = Counts(limit=0)
    for found in counts.values():
        together.merge(found)
    edges = histogram_edges(together, n_bins)
    parts = [
        pd.DataFrame(
            {
                "corpus": corpus,
                "positions": positions,
                "left": edges[:-1],
                "right": edges[1:],
                "count": found.in_bins(edges),
            }
        )
        for (corpus, positions), found in counts.items()
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


def position_zero(tokens: Mapping[str, Rows]) -> dict[str, SpecialPositions]:
    """What was kept apart: n_active at position 0 and BOS tokens, per corpus."""
    facts = {}
    for corpus, table in tokens.items():
        apart = counts_by_positions(table)["special"]
        values = apart.values
        facts[corpus] = SpecialPositions(
            n_tokens=len(apart),
            n_distinct=len(values),
            mean=apart.mean(),
            min=int(values[0]),
            max=int(values[-1]),
        )
    return facts
