"""The unigram baseline: what a predictor pays that knows how frequent tokens are, and no context.

log2 V is the loss of a predictor that has never seen a text, so being below it says little. A table
of token frequencies is the least that a language model must beat. Each document is predicted from
the table of all *other* documents of the sample, so the table has not seen what it predicts:

    p(v) = (count of v elsewhere + 1) / (tokens elsewhere + V)

smoothed with α as the model is. It is a number to compare with, not a bound.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from semdim.bounds.quantities import smoothed_loss
from semdim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def unigram_losses(
    token_id: Int[np.ndarray, "sequences context"],
    document: Int[np.ndarray, " sequences"],
    vocab_size: int,
    smoothing: float,
) -> Float[np.ndarray, "sequences predictions"]:
    """Smoothed loss of every predicted token (position 1 on), in bits, [S, T − 1].

    Args:
        token_id: ids in [0, V).
        document: of each sequence.
        vocab_size: V.
        smoothing: α.

    Raises:
        DataError: fewer than two documents, or an id outside the vocabulary.
        ConfigError: α or V is impossible.
    """
    predicted = token_id[:, 1:]
    if predicted.size and not 0 <= predicted.min() <= predicted.max() < vocab_size:
        raise DataError(
            f"Token ids run from {predicted.min()} to {predicted.max()}; the vocabulary has "
            f"{vocab_size} tokens, numbered from 0."
        )
    distinct = np.unique(document)
    if len(distinct) < 2:
        raise DataError(
            "The unigram baseline needs two documents, so that one is predicted from the other; "
            f"the sample has {len(distinct)}."
        )
    count = np.bincount(predicted.reshape(-1), minlength=vocab_size)
    bits = np.empty(predicted.shape)
    for name in distinct:
        rows = document == name
        own = np.bincount(predicted[rows].reshape(-1), minlength=vocab_size)
        elsewhere = predicted.size - int(own.sum())
        frequency = count[predicted[rows]] - own[predicted[rows]] + 1.0
        bits[rows] = np.log2(elsewhere + vocab_size) - np.log2(frequency)
    return smoothed_loss(bits, smoothing, vocab_size)


def unigram_baseline(
    ledger: "pd.DataFrame", vocab_size: int, smoothing: float, n_sequences: int | None = None
) -> float:
    """Mean over sequences of `unigram_losses`, in bits per token, of a ledger's first sequences.

    Args:
        ledger: rows in order, with document, position and token_id.
        vocab_size: V.
        smoothing: α.
        n_sequences: sequences of the sample that count; None: all.

    Raises as `unigram_losses`.
    """
    context = int(ledger["position"].max()) + 1
    token_id = ledger["token_id"].to_numpy().reshape(-1, context)[:n_sequences]
    document = ledger["document"].to_numpy().reshape(-1, context)[:n_sequences, 0]
    return float(unigram_losses(token_id, document, vocab_size, smoothing).mean())
