"""The unigram baseline: what a predictor pays that knows how frequent tokens are, and no context.

log2 V is the loss of a predictor that has never seen a text, so being below it says little. A table
of token frequencies is the least that a language model must beat. Each document is predicted from
the table of all *other* documents of the sample, so the table has not seen what it predicts:

    p(v) = (count of v elsewhere + 1) / (tokens elsewhere + V)

smoothed with α as the model is. It is a number to compare with, not a bound.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from semdim.bounds.quantities import smoothed_loss
from semdim.errors import DataError
from semdim.ledger.means import RunningMean
from semdim.ledger.rows import EXACT_ROWS, Rows, stretches


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
    check_ids(predicted, vocab_size)
    check_documents(np.unique(document))
    count = np.bincount(predicted.reshape(-1), minlength=vocab_size)
    return of_documents(predicted, document, count, predicted.size, smoothing)


def of_documents(
    predicted: Int[np.ndarray, "sequences predictions"],
    document: Int[np.ndarray, " sequences"],
    count: Int[np.ndarray, " vocab_size"],
    n_predicted: int,
    smoothing: float,
) -> Float[np.ndarray, "sequences predictions"]:
    """Smoothed loss of the predicted tokens of some documents, all of whose sequences are given.

    count: of each token among the ``n_predicted`` of the whole sample, these documents among them.
    """
    vocab_size = len(count)
    _, owner = np.unique(document, return_inverse=True)
    of_document = np.bincount(owner) * predicted.shape[1]
    pair = owner[:, None] * np.int64(vocab_size) + predicted
    _, inverse, times = np.unique(pair.reshape(-1), return_inverse=True, return_counts=True)
    own = times[inverse].reshape(predicted.shape)
    elsewhere = n_predicted - of_document[owner][:, None]
    frequency = count[predicted] - own + 1.0
    bits = np.log2(elsewhere + vocab_size) - np.log2(frequency)
    return smoothed_loss(bits, smoothing, vocab_size)


def check_ids(predicted: Int[np.ndarray, "sequences predictions"], vocab_size: int) -> None:
    """Refuse token ids outside [0, V) with DataError."""
    if predicted.size and not 0 <= predicted.min() <= predicted.max() < vocab_size:
        raise DataError(
            f"Token ids run from {predicted.min()} to {predicted.max()}; the vocabulary has "
            f"{vocab_size} tokens, numbered from 0."
        )


def check_documents(distinct: Int[np.ndarray, " documents"]) -> None:
    """Refuse fewer than two documents with DataError."""
    if len(distinct) < 2:
        raise DataError(
            "The unigram baseline needs two documents, to predict one from the other; the sample "
            f"has {len(distinct)}."
        )


def unigram_baseline(
    ledger: Rows,
    vocab_size: int,
    smoothing: float,
    n_sequences: int | None = None,
    *,
    at_once: int = 2 * EXACT_ROWS,
) -> float:
    """Mean over sequences of `unigram_losses`, in bits per token, of a ledger's first sequences.

    Args:
        ledger: rows in order, with document, position and token_id.
        vocab_size: V.
        smoothing: α.
        n_sequences: sequences of the sample that count; None: all.
        at_once: tokens in memory, about: documents are taken so many at a time, each time in a
            pass over the token ids.

    Raises as `unigram_losses`.
    """
    count, document, context = _counted(ledger, vocab_size, n_sequences)
    distinct, n_each = np.unique(document, return_counts=True)
    check_documents(distinct)
    n_predicted = len(document) * (context - 1)
    total = RunningMean()
    passes = np.cumsum(n_each * context) // max(at_once, 1)
    for index in range(int(passes[-1]) + 1):
        some = distinct[passes == index]
        if not len(some):
            continue
        chosen = (document >= some[0]) & (document <= some[-1])
        predicted = _predicted(ledger, chosen, context)
        total.add(of_documents(predicted, document[chosen], count, n_predicted, smoothing))
    return total.mean()


def _counted(
    ledger: Rows, vocab_size: int, n_sequences: int | None
) -> tuple[Int[np.ndarray, " vocab_size"], Int[np.ndarray, " sequences"], int]:
    """How often each token is predicted, the document of each sequence, and T."""
    count, documents, n_left, context = np.zeros(vocab_size, np.int64), [], n_sequences, 0
    for token_id, document in _sequences(ledger):
        predicted, context = token_id[:n_left, 1:], token_id.shape[1]
        check_ids(predicted, vocab_size)
        count += np.bincount(predicted.reshape(-1), minlength=vocab_size)
        documents.append(document[:n_left])
        if n_left is not None:
            n_left = max(n_left - len(document), 0)
            if not n_left:
                break
    return count, np.concatenate(documents), context


def _predicted(
    ledger: Rows, chosen: Bool[np.ndarray, " sequences"], context: int
) -> Int[np.ndarray, "some predictions"]:
    """The predicted tokens of the chosen sequences; ``chosen`` may be of the first ones alone."""
    found = np.empty((int(chosen.sum()), context - 1), dtype=np.int64)
    first, n_found = 0, 0
    for token_id, _ in _sequences(ledger):
        own = chosen[first : first + len(token_id)]
        n_own = int(own.sum())
        found[n_found : n_found + n_own] = token_id[: len(own)][own, 1:]
        first, n_found = first + len(token_id), n_found + n_own
        if n_found == len(found):
            break
    return found


def _sequences(
    ledger: Rows,
) -> Iterator[tuple[Int[np.ndarray, "some context"], Int[np.ndarray, " some"]]]:
    """Token ids and document of the sequences, stretch by stretch."""
    for rows in stretches(ledger, ("document", "position", "token_id")):
        context = int(rows["position"].max()) + 1
        token_id = rows["token_id"].to_numpy().reshape(-1, context)
        yield token_id, rows["document"].to_numpy().reshape(-1, context)[:, 0]
