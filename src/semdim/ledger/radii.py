"""C_c and C of the paper's Assumption 1, as they are observed: the largest ‖c‖ and ‖S(h)‖.

Lemma 2 takes both for constants that hold everywhere. What a sample shows is a maximum that one
massive activation decides, so its quantiles and its parts stand beside it: every position, without
position 0 and BOS, and without the norm outliers as well.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from semdim.errors import DataError
from semdim.ledger.means import Quantiles
from semdim.ledger.rows import Rows, stretches
from semdim.tokens.positions import counted_mask

if TYPE_CHECKING:
    import pandas as pd

RADII = {
    "code_radius": "code_norm",
    "reconstruction_radius": "reconstruction_norm",
    "activation_radius": "activation_norm",
}
"""Column of the ledger by the name of its largest value: C_c, C, and for comparison max‖h‖."""
QUANTILES = {"q50": 0.5, "q95": 0.95, "q99": 0.99}
RADII_COLUMNS = ("corpus", "quantity", "positions", "n_tokens", *QUANTILES, "max")


def radii_of(ledger: Rows) -> Iterator[dict[str, str | int | float]]:
    """A row per quantity and choice of positions (`RADII_COLUMNS` without the corpus), in the
    activation's units. A quantity whose column the ledger lacks has none, nor has a choice of
    positions without tokens. Quantiles are values that occur, exact for any number of tokens.

    Raises:
        DataError: a norm is missing, infinite or negative.
    """
    for quantity, column in RADII.items():
        if column not in ledger.columns:
            continue
        for positions in POSITIONS:
            largest: list[float] = []

            def norms(
                column: str = column, positions: str = positions, largest: list[float] = largest
            ) -> Iterator[np.ndarray]:
                for rows in stretches(ledger, (column, "is_bos", "is_outlier", "position")):
                    values = _norms(rows, column)[_mask(rows, positions)]
                    if values.size:
                        largest.append(float(values.max()))
                        yield values

            counts = Quantiles(norms)
            if not counts.n_values:
                continue
            yield {
                "quantity": quantity,
                "positions": positions,
                "n_tokens": counts.n_values,
                **dict(zip(QUANTILES, counts.at(list(QUANTILES.values())), strict=True)),
                "max": max(largest),
            }


POSITIONS = ("all", "without_bos", "without_outliers")


def _norms(rows: "pd.DataFrame", column: str) -> np.ndarray:
    norm = rows[column].to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(norm).all() or (norm.size and norm.min() < 0.0):
        raise DataError(
            f"The ledger's column {column!r} has a value that is not a norm (missing, infinite or "
            "negative); recompute it with `dvc repro --force`."
        )
    return norm


def _mask(rows: "pd.DataFrame", positions: str) -> np.ndarray:
    if positions == "all":
        return np.ones(len(rows), dtype=bool)
    inside = counted_mask(rows["is_bos"].to_numpy(dtype=bool), rows["position"].to_numpy())
    if positions == "without_bos":
        return np.asarray(inside)
    return np.asarray(inside & ~rows["is_outlier"].to_numpy(dtype=bool))


def radii_table(ledgers: Mapping[str, Rows]) -> "pd.DataFrame":
    """radii.csv: the rows of every corpus (`RADII_COLUMNS`). Raises as `radii_of`."""
    import pandas as pd

    rows = [
        {"corpus": corpus, **row} for corpus, ledger in ledgers.items() for row in radii_of(ledger)
    ]
    return pd.DataFrame(rows, columns=pd.Index(RADII_COLUMNS))
