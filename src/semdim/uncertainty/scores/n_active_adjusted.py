"""The number of active atoms, less what its position and its token lead one to expect."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from semdim.uncertainty.score import Score, add_score
from semdim.uncertainty.scores.unigram_nll import fit as unigram_fit
from semdim.uncertainty.scores.unigram_nll import value as unigram_value

N_BINS = 20
"""Bins of the token's frequency."""
PRIOR_TOKENS = 10.0
"""A token's own mean counts like the mean of its frequency bin once it was seen so often."""


@dataclass(frozen=True)
class Expected:
    """What log2(1 + k) is on familiar text, as a sum of effects."""

    mean: float
    """Overall."""
    position: Float[np.ndarray, " bins"]
    """Effect of the position, by ⌊2 log2 position⌋."""
    edges: Float[np.ndarray, " edges"]
    """Inner edges of the bins of the token's −log2 frequency."""
    bits: Float[np.ndarray, " vocab_size"]
    """−log2 frequency of each token."""
    token: Float[np.ndarray, " vocab_size"]
    """Effect of each token: that of its frequency bin, and of the token as far as it was seen."""

    def of(self, rows: pd.DataFrame) -> Float[np.ndarray, " rows"]:
        """Expected log2(1 + k) of each row."""
        place = np.minimum(_position_bin(rows), len(self.position) - 1)
        return self.mean + self.position[place] + self.token[rows["token_id"].to_numpy()]


def _position_bin(rows: pd.DataFrame) -> Int[np.ndarray, " rows"]:
    position = rows["position"].to_numpy(dtype=np.int64)
    return np.floor(2 * np.log2(np.maximum(position, 1))).astype(np.int64)


def _log_active(rows: pd.DataFrame) -> Float[np.ndarray, " rows"]:
    # The logarithm, because a few massive activations would decide every mean.
    return np.log2(1.0 + rows["n_active"].to_numpy(dtype=np.float64))


def fit(rows: pd.DataFrame, vocab_size: int) -> Expected:
    """The effects on these rows: position first, then tokens on what it leaves, twice over."""
    bits = unigram_fit(rows, vocab_size)
    token_id = rows["token_id"].to_numpy()
    own = unigram_value(rows, bits)
    edges = np.unique(np.quantile(own, np.arange(1, N_BINS) / N_BINS))
    place, frequency = _position_bin(rows), np.searchsorted(edges, own)
    of_token = np.searchsorted(edges, bits)
    seen = np.bincount(token_id, minlength=vocab_size).astype(np.float64)
    values = _log_active(rows)
    mean = float(values.mean())
    left = values - mean
    position, token = np.zeros(int(place.max()) + 1), np.zeros(vocab_size)
    for _ in range(2):
        position = _means(place, left - token[token_id], len(position))
        rest = left - position[place]
        by_frequency = _means(frequency, rest, len(edges) + 1)
        apart = np.bincount(token_id, weights=rest - by_frequency[frequency], minlength=vocab_size)
        token = by_frequency[of_token] + apart / (seen + PRIOR_TOKENS)
    return Expected(mean, position, edges, bits, token)


def _means(
    code: Int[np.ndarray, " rows"], values: Float[np.ndarray, " rows"], n_codes: int
) -> Float[np.ndarray, " codes"]:
    count = np.bincount(code, minlength=n_codes)
    return np.bincount(code, weights=values, minlength=n_codes) / np.maximum(count, 1)


def value(rows: pd.DataFrame, fitted: Expected) -> np.ndarray:
    """log2(1 + k) above what is expected. Raises ``DataError`` for ids outside the vocabulary."""
    unigram_value(rows, fitted.bits)
    return _log_active(rows) - fitted.of(rows)


SCORE = Score(
    name="n_active_adjusted",
    meaning="log2(1 + k) above what the token and its position lead one to expect",
    family="code",
    reads=("n_active", "position", "token_id"),
    value=value,
    order=1,
    fit=fit,
)
add_score(SCORE)
