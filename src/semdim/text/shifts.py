"""Slight shifts of a sample: text that is still nearly what it was. All at the level of tokens, so
that a shifted sequence keeps its length, its document and its place in the sample."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from semdim.errors import ConfigError
from semdim.text.samples import TokenSample, check_token_ids

# How vocabularies write a leading space, newline, tab or carriage return (byte-level and
# SentencePiece alphabets).
_SPACE_MARKS = ("Ġ", "▁", "Ċ", "ĉ", "č", " ", "\n", "\t", "\r")


def replace_tokens(
    sample: TokenSample,
    *,
    vocab_size: int,
    bos_token_id: int | None,
    seed: int,
    share: float = 0.15,
    excluded_token_ids: Sequence[int] = (),
) -> TokenSample:
    """Replace ``round(share * positions)`` tokens of every sequence by uniform ones.

    Positions are drawn without replacement and never include BOS. A sequence's changes depend on
    ``seed`` and its index alone, so a longer sample only appends. Raises ConfigError for a share
    outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share must lie in (0, 1], got {share}")
    check_token_ids(sample.token_ids, vocab_size)
    drawable = np.setdiff1d(np.arange(vocab_size), np.asarray(excluded_token_ids, dtype=np.int64))
    first = int(bos_token_id is not None)
    n_replaced = round(share * (sample.context - first))
    token_ids = sample.token_ids.copy()
    for index, row in enumerate(token_ids):
        rng = np.random.default_rng([seed, index])
        positions = first + rng.choice(sample.context - first, size=n_replaced, replace=False)
        row[positions] = rng.choice(drawable, size=n_replaced)
    counts = sample.counts | {"tokens_replaced": n_replaced * sample.n_sequences}
    return dataclasses.replace(sample, token_ids=token_ids, counts=counts)


def shuffle_words(
    sample: TokenSample,
    *,
    starts_word: Bool[np.ndarray, " vocab_size"],
    bos_token_id: int | None,
    seed: int,
) -> TokenSample:
    """Shuffle the words of every sequence; each keeps its own tokens, and BOS stays in front.

    A word is a token that ``starts_word`` (see :func:`find_word_starts`) and the tokens after it
    that do not; what a sequence begins with counts as one. The order depends on ``seed`` and the
    sequence's index alone, so a longer sample only appends.
    """
    check_token_ids(sample.token_ids, starts_word.size)
    first = int(bos_token_id is not None)
    token_ids = sample.token_ids.copy()
    n_words = 0
    for index, row in enumerate(token_ids):
        body = row[first:]
        words = np.split(body, 1 + np.flatnonzero(starts_word[body[1:]]))
        order = np.random.default_rng([seed, index]).permutation(len(words))
        row[first:] = np.concatenate([words[at] for at in order])
        n_words += len(words)
    return dataclasses.replace(
        sample, token_ids=token_ids, counts=sample.counts | {"words_shuffled": n_words}
    )


def find_word_starts(tokenizer: Any, vocab_size: int) -> Bool[np.ndarray, " vocab_size"]:
    """Which token ids begin with white space, as the vocabulary writes it.

    Every id does when none is marked (a vocabulary of whole words), and ids beyond the
    tokenizer's own vocabulary do.
    """
    tokens = tokenizer.convert_ids_to_tokens(list(range(min(vocab_size, len(tokenizer)))))
    starts = np.ones(vocab_size, dtype=bool)
    marked = [token is not None and token.startswith(_SPACE_MARKS) for token in tokens]
    if any(marked):
        starts[: len(marked)] = marked
    return starts
