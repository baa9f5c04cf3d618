"""The complement of the model's confidence in its most likely next token."""

import numpy as np
import pandas as pd

from semdim.uncertainty.score import Score, add_score


def value(rows: pd.DataFrame, fitted: None) -> np.ndarray:
    """1 − max p of each row."""
    return 1.0 - rows["max_prob"].to_numpy(dtype=np.float64)


SCORE = Score(
    name="one_minus_max_prob",
    meaning="1 − the model's largest next-token probability",
    family="prediction",
    reads=("max_prob",),
    value=value,
    order=0,
    at_last_position=False,
)
add_score(SCORE)
