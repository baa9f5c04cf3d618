"""What the autoencoder leaves unexplained of an activation."""

import numpy as np
import pandas as pd

from semdim.errors import DataError
from semdim.uncertainty.score import Score, add_score


def value(rows: pd.DataFrame, fitted: None) -> np.ndarray:
    """Squared error over squared centred norm, of each row.

    Relative to the centred norm, as explained variance is: every activation shares a large mean
    that the decoder's bias reproduces for nothing, and dividing by ‖h‖² would hide the rest.
    Raises ``DataError`` when a centred norm is not positive.
    """
    centred = rows["centred_norm"].to_numpy(dtype=np.float64)
    if (centred <= 0).any():
        raise DataError("A centred_norm in the ledger is not positive; it divides the error.")
    return (rows["reconstruction_error"].to_numpy(dtype=np.float64) / centred) ** 2


SCORE = Score(
    name="unexplained_share",
    meaning="‖h − S(h)‖² / ‖h − mean‖²: what the SAE leaves unexplained",
    family="code",
    reads=("reconstruction_error", "centred_norm"),
    value=value,
    order=2,
)
add_score(SCORE)
