"""The windows of tokens that a dictionary is trained on, and those set aside to check it."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from jaxtyping import Int32

from semdim.artifacts.hashing import settings_digest
from semdim.errors import DataError
from semdim.text.packing import pack


@dataclass(frozen=True)
class Windows:
    """Windows of token ids in a shuffled order, and the document that each was cut from."""

    token_ids: Int32[np.ndarray, "n_sequences context"]
    """Position 0 is BOS where the model wants one; a window never crosses documents."""
    document: Int32[np.ndarray, "n_sequences"]

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def n_documents(self) -> int:
        return len(np.unique(self.document))

    def take(self, rows: np.ndarray) -> "Windows":
        return Windows(self.token_ids[rows], self.document[rows])

    def fingerprint(self) -> str:
        return settings_digest([self.token_ids.shape, _checksum(self.token_ids)])


def cut_windows(
    documents: Any,
    tokenizer: Any,
    *,
    context: int,
    bos_token_id: int | None,
    n_tokens: int,
    max_per_document: int | None,
    held_out_share: float,
    seed: int,
) -> tuple[Windows, Windows]:
    """Windows to train on and windows held out, with no document in common.

    The sequences are those of the pipeline's own packing, up to ``max_per_document`` from the head
    of each document, so that a few long manuals are not most of the training set. They are then
    shuffled over the whole corpus: neighbours in training come from different documents.

    Raises:
        DataError: too little text for ``n_tokens``, or too few documents to set any aside.
    """
    sample = pack(
        documents,
        tokenizer,
        context=context,
        bos_token_id=bos_token_id,
        n_tokens=n_tokens,
        max_sequences_per_document=max_per_document,
        seed=seed,
    )
    everything = Windows(sample.token_ids, sample.document)
    shuffled = everything.take(np.random.default_rng(seed).permutation(len(everything)))
    return split_held_out(shuffled, share=held_out_share, seed=seed)


def split_held_out(windows: Windows, *, share: float, seed: int) -> tuple[Windows, Windows]:
    """Set a share of the documents aside (at least one): (training, held out).

    Raises:
        DataError: nothing would be left to train on.
    """
    documents = np.unique(windows.document)
    n_held_out = max(1, round(share * len(documents)))
    if n_held_out >= len(documents):
        raise DataError(
            f"{len(documents)} documents with a full window cannot be split into a training part "
            f"and {n_held_out} held-out documents; give more documents."
        )
    chosen = np.random.default_rng([seed, 1]).choice(documents, n_held_out, replace=False)
    held_out = np.isin(windows.document, chosen)
    return windows.take(np.flatnonzero(~held_out)), windows.take(np.flatnonzero(held_out))


def _checksum(ids: Int32[np.ndarray, "n_sequences context"]) -> str:
    return sha256(ids.tobytes()).hexdigest()
