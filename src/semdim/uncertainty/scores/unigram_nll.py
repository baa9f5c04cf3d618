"""How rare the input token is in familiar text: the trivial score that must be beaten."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.errors import DataError
from semdim.uncertainty.score import Score, add_score


def unigram_bits(
    token_id: Int[np.ndarray, " tokens"], vocab_size: int
) -> Float[np.ndarray, " vocab_size"]:
    """−log2 ((count + 1) / (n_tokens + vocab_size)): add-one smoothing, so every token has a cost.

    Raises ``DataError`` for a token id outside [0, vocab_size).
    """
    _check(token_id, vocab_size)
    count = np.bincount(token_id, minlength=vocab_size)
    return np.log2(token_id.size + vocab_size) - np.log2(count + 1.0)


def fit(rows: pd.DataFrame, vocab_size: int) -> Float[np.ndarray, " vocab_size"]:
    """−log2 of each token's smoothed frequency among these rows."""
    return unigram_bits(rows["token_id"].to_numpy(), vocab_size)


def value(rows: pd.DataFrame, fitted: Float[np.ndarray, " vocab_size"]) -> np.ndarray:
    """The cost of each row's input token. Raises ``DataError`` as ``unigram_bits``."""
    token_id = rows["token_id"].to_numpy()
    _check(token_id, len(fitted))
    return fitted[token_id]


def _check(token_id: Int[np.ndarray, " tokens"], vocab_size: int) -> None:
    if token_id.size and not 0 <= token_id.min() <= token_id.max() < vocab_size:
        raise DataError(
            f"Token ids run from {token_id.min()} to {token_id.max()}; the vocabulary has "
            f"{vocab_size} tokens, numbered from 0."
        )


SCORE = Score(
    name="unigram_nll",
    meaning="−log2 frequency of the input token in ID text: the trivial score that must be beaten",
    family="input",
    reads=("token_id",),
    value=value,
    order=0,
    fit=fit,
)
add_score(SCORE)
