"""C_c and C of the paper's Assumption 1, as they are observed: the largest ‖c‖ and ‖S(h)‖.

Lemma 2 takes both for constants that hold everywhere. What a sample shows is a maximum that one
massive activation decides, so its quantiles and its parts stand beside it: every position, without
position 0 and BOS, and without the norm outliers as well.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from semdim.errors import DataError
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


def radii_of(ledger: "pd.DataFrame") -> Iterator[dict[str, str | int | float]]:
    """A row per quantity and choice of positions (`RADII_COLUMNS` without the corpus), in the
    activation's units. A quantity whose column the ledger lacks has none, nor has a choice of
    positions without tokens. Quantiles are values that occur.

    Raises:
        DataError: a norm is missing, infinite or negative.
    """
    inside = counted_mask(ledger["is_bos"].to_numpy(dtype=bool), ledger["position"].to_numpy())
    masks = {
        "all": np.ones(len(ledger), dtype=bool),
        "without_bos": inside,
        "without_outliers": inside & ~ledger["is_outlier"].to_numpy(dtype=bool),
    }
    for quantity, column in RADII.items():
        if column not in ledger:
            continue
        norm = ledger[column].to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(norm).all() or (norm.size and norm.min() < 0.0):
            raise DataError(
                f"The ledger's column {column!r} has a value that is no norm (missing, infinite or "
                "negative); recompute it with `dvc repro --force`."
            )
        for positions, mask in masks.items():
            values = norm[mask]
            if not values.size:
                continue
            at = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
            yield {
                "quantity": quantity,
                "positions": positions,
                "n_tokens": int(values.size),
                **{name: float(value) for name, value in zip(QUANTILES, at, strict=True)},
                "max": float(values.max()),
            }


def radii_table(ledgers: "Mapping[str, pd.DataFrame]") -> "pd.DataFrame":
    """radii.csv: the rows of every corpus (`RADII_COLUMNS`). Raises as `radii_of`."""
    import pandas as pd

    rows = [
        {"corpus": corpus, **row} for corpus, ledger in ledgers.items() for row in radii_of(ledger)
    ]
    return pd.DataFrame(rows, columns=pd.Index(RADII_COLUMNS))
