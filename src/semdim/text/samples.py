"""A sample: token sequences, the documents they come from, and an account of what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from jaxtyping import Int, Int32

from semdim.errors import ConfigError, DataError
from semdim.text.independence import Independence

UNLABELLED = "unlabelled"
"""The source of documents that have none, in a sample in which others have one."""


@dataclass(frozen=True)
class DocumentRow:
    """One document of a sample."""

    index: int
    """The value in ``TokenSample.document``; documents are numbered as the sample reaches them."""
    name: str
    n_characters: int
    n_tokens_total: int | None
    """Its tokens, BOS not counted; None when it was not read to its end (it exceeds the cap)."""
    n_sequences_used: int
    source: str | None = None
    """The label of its source; None: not known."""
    published: date | None = None
    """The first day on which it may have been published; None: not known."""


@dataclass(frozen=True)
class TokenSample:
    """Token sequences, each from one document."""

    token_ids: Int32[np.ndarray, "n_sequences context"]
    """BOS (where there is one) at position 0, then consecutive tokens of one document."""
    document: Int32[np.ndarray, " n_sequences"]
    """Index of the document of each sequence."""
    documents: tuple[DocumentRow, ...]
    counts: dict[str, int]
    """What was read, used, and left out, by reason."""
    facts: dict[str, str] = field(default_factory=dict)
    """Versions that the text depends on."""
    independence: Independence | None = None
    """What speaks for its independence of model and autoencoder; None: nothing."""

    @property
    def n_sequences(self) -> int:
        return int(self.token_ids.shape[0])

    @property
    def context(self) -> int:
        return int(self.token_ids.shape[1])

    @property
    def n_tokens(self) -> int:
        """Tokens in the sample, BOS included."""
        return int(self.token_ids.size)

    @property
    def n_documents(self) -> int:
        return len(self.documents)


@dataclass(frozen=True)
class SampleRequest:
    """All that a sample depends on beside its corpus."""

    tokenizer: Any
    context: int
    """Tokens in a sequence, BOS included."""
    bos_token_id: int | None
    vocab_size: int
    max_sequences_per_document: int | None
    seed: int
    special_token_ids: tuple[int, ...] = ()
    """These are never drawn at random."""
    frozen_at: str | None = None
    """When the model was last changed, as it states; None: it does not."""


def source_labels(
    documents: Sequence[DocumentRow],
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The labels of a sample's sources, in order of appearance, and the index of each document's.

    The second is empty when there are fewer than two labels, since it then says nothing. Documents
    without a label count as ``unlabelled`` when others have one.
    """
    if all(row.source is None for row in documents):
        return (), ()
    found = [UNLABELLED if row.source is None else row.source for row in documents]
    labels = tuple(dict.fromkeys(found))
    number = {label: index for index, label in enumerate(labels)}
    return labels, tuple(number[label] for label in found) if len(labels) > 1 else ()


def count_sequences(n_tokens: int, context: int) -> int:
    """Whole sequences that hold at least ``n_tokens`` tokens, BOS included."""
    if n_tokens < 1 or context < 2:
        raise ConfigError(f"need n_tokens >= 1 and context >= 2, got {n_tokens} and {context}")
    return -(-n_tokens // context)


def check_token_ids(token_ids: Int[np.ndarray, "..."], vocab_size: int) -> None:
    """Raise DataError when an id lies outside ``[0, vocab_size)``."""
    if token_ids.size and not 0 <= int(token_ids.min()) <= int(token_ids.max()) < vocab_size:
        wrong = token_ids[(token_ids < 0) | (token_ids >= vocab_size)]
        raise DataError(
            f"{wrong.size} token ids lie outside the model's vocabulary of {vocab_size} "
            f"(the first is {int(wrong.flat[0])}): the tokenizer does not belong to the model"
        )
