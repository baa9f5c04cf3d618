"""A sample from what a caller holds: texts, or token ids that are packed already."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor

from semdim.errors import ConfigError, DataError
from semdim.text.documents import Document
from semdim.text.independence import Independence
from semdim.text.packing import pack
from semdim.text.reading import checked
from semdim.text.samples import DocumentRow, TokenSample, count_sequences
from semdim.text.tokenizing import encode_batch
from semdim.text.training_text import Seen

_BATCH = 64


def sample_of_texts(
    texts: Sequence[str],
    tokenizer: Any,
    *,
    context: int,
    bos_token_id: int,
    vocab_size: int,
    n_tokens: int | None,
    max_sequences_per_document: int | None,
    seed: int,
    apart_from: Sequence[str] = (),
) -> TokenSample:
    """Pack texts as `semdim.text.packing.pack` does, each a document.

    Args:
        n_tokens: size of the sample; None: all whole sequences that there are.
        apart_from: folders of autoencoders; texts that overlap with what one was trained on are
            left out, counted, and told of by a warning.

    Raises:
        ConfigError: there is no tokenizer.
        DataError: the texts do not fill the sample, or not one sequence, or one is no text, or all
            of them are left out.
    """
    if tokenizer is None:
        raise ConfigError(
            "The model has no tokenizer: give `tokenizer`, or token ids instead of texts."
        )
    if isinstance(texts, str):
        raise DataError("Give a list of texts, one per document, instead of a single text.")
    texts = [checked(text, f"Text {index}") for index, text in enumerate(texts)]
    names = tuple(Path(folder).name for folder in apart_from)
    documents = _apart([Document(f"text {i}", text) for i, text in enumerate(texts)], apart_from)
    n_left_out = len(texts) - len(documents)
    texts = [document.text for document in documents]
    if n_tokens is None:
        n_body, cap = context - 1, max_sequences_per_document
        n_needed = None if cap is None else cap * n_body
        lengths = [
            len(ids)
            for start in range(0, len(texts), _BATCH)
            for ids, _ in encode_batch(texts[start : start + _BATCH], tokenizer, n_needed)
        ]
        n_sequences = sum(n // n_body if cap is None else min(cap, n // n_body) for n in lengths)
        n_tokens = max(n_sequences, 1) * context
    sample = pack(
        documents,
        tokenizer,
        context=context,
        bos_token_id=bos_token_id,
        n_tokens=n_tokens,
        max_sequences_per_document=max_sequences_per_document,
        seed=seed,
        vocab_size=vocab_size,
    )
    if not apart_from:
        return sample
    counts = sample.counts | ({"dropped_in_training_text": n_left_out} if n_left_out else {})
    return replace(sample, counts=counts, independence=Independence(apart_from=names))


def _apart(documents: list[Document], folders: Sequence[str]) -> list[Document]:
    """Those that do not overlap with the training text of an autoencoder."""
    if not folders:
        return documents
    seen = Seen(folders)
    kept = [document for document in documents if not seen.has(document.text)]
    names = " or ".join(Path(folder).name for folder in folders)
    if n_left_out := len(documents) - len(kept):
        said = f"{n_left_out} of {len(documents)} texts overlap with the training text of {names}"
        if not kept:
            raise DataError(f"{said}: give texts that it has not seen, or set `apart=False`.")
        warnings.warn(f"{said} and are left out; `apart=False` keeps them.", stacklevel=5)
    return kept


def sample_of_ids(
    token_ids: Int[Tensor, "sequences context"] | Int[np.ndarray, "sequences context"],
    documents: Sequence[int] | np.ndarray | Tensor | None,
    *,
    n_tokens: int | None,
) -> TokenSample:
    """Take token ids as they are.

    Args:
        token_ids: one sequence a row, none across two documents.
        documents: the document of each sequence; None: every sequence is a document of its own.
        n_tokens: size of the sample, whole sequences from the first on; None: all of them.

    Raises:
        DataError: there are too few, or another number of documents than of sequences.
    """
    ids = _array(token_ids).astype(np.int32)
    if ids.ndim != 2 or ids.shape[1] < 2:
        raise DataError(
            "Token ids must have shape [sequences, context] with 2 or more tokens per sequence, "
            f"got {list(ids.shape)}."
        )
    n_sequences = len(ids) if n_tokens is None else count_sequences(n_tokens, ids.shape[1])
    if n_sequences > len(ids) or not len(ids):
        raise DataError(
            f"n_tokens asks for {n_sequences} sequences of {ids.shape[1]} tokens, but the token "
            f"ids hold {len(ids)}: give more of them, or lower n_tokens."
        )
    labels = np.arange(len(ids)) if documents is None else _array(documents)
    if labels.shape != (len(ids),):
        raise DataError(
            f"`documents` must hold one number for each of the {len(ids)} sequences, got shape "
            f"{labels.shape}."
        )
    ids, labels = ids[:n_sequences], labels[:n_sequences]
    names, document = np.unique(labels, return_inverse=True)
    n_used = np.bincount(document)
    return TokenSample(
        token_ids=ids,
        document=document.astype(np.int32),
        documents=tuple(
            DocumentRow(index, str(name), 0, None, int(n_used[index]))
            for index, name in enumerate(names)
        ),
        counts={"documents_used": len(names), "sequences_used": n_sequences},
    )


def bos_of(tokenizer: Any, token_ids: np.ndarray | None) -> int:
    """BOS where nobody names it: the tokenizer's, else the id that all sequences start with.

    Without either it is −1: then position 0 alone is special, whatever stands there.

    Raises:
        ConfigError: texts are to be packed (``token_ids`` is None) and the tokenizer has no BOS.
    """
    known = getattr(tokenizer, "bos_token_id", None)
    if known is not None:
        return int(known)
    if token_ids is None:
        raise ConfigError(
            "The model has no tokenizer with a BOS token to put before each sequence: give the id "
            "of the token that it starts with as `bos_token_id`, or token ids instead of texts."
        )
    first = np.unique(token_ids[:, 0])
    return int(first[0]) if len(first) == 1 else -1


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
