"""From documents to token sequences that never cross a document: what every number rests on."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Int, Int32

from semdim.errors import ConfigError, DataError
from semdim.text.documents import Document
from semdim.text.samples import DocumentRow, TokenSample, check_token_ids, count_sequences
from semdim.text.tokenizing import encode_batch

BLOCK_DOCUMENTS = 10_000
"""Documents that are shuffled together; a corpus of no more than that is shuffled as a whole."""
BLOCK_CHARACTERS = 128_000_000
"""A block of long documents is closed here, so that memory stays bounded."""
_BATCH = 64


def pack(
    documents: Iterable[Document],
    tokenizer: Any,
    *,
    context: int,
    bos_token_id: int | None,
    n_tokens: int,
    max_sequences_per_document: int | None,
    seed: int,
    vocab_size: int | None = None,
) -> TokenSample:
    """Fill ``ceil(n_tokens / context)`` sequences of ``context`` tokens.

    Documents are shuffled by ``seed``, in blocks of BLOCK_DOCUMENTS, so that a stream is read no
    further than needed. Every document of a block gives its first full-length chunk of tokens,
    then every one its second, up to ``max_sequences_per_document`` (None: all of them): any
    prefix of the sample spans as many documents as it can, and a larger ``n_tokens`` only appends.
    A document shorter than one sequence is left out, and counted; so is the tail of a document.
    ``counts`` tells of documents used, too short, and unused (the sample was full before).
    The tokenizer's special tokens are not added, and text that spells one is tokenised as plain
    text; BOS (``bos_token_id``, None for a model without one) stands at position 0 of every
    sequence and nowhere else.

    Raises DataError when the documents cannot fill the sample (it is never clipped), or when an
    id is not below ``vocab_size`` (None: the tokenizer's own size); ConfigError for impossible
    sizes.
    """
    n_sequences = count_sequences(n_tokens, context)
    cap = max_sequences_per_document
    if cap is not None and cap < 1:
        raise ConfigError(f"max_sequences_per_document must be at least 1 or null, got {cap}")
    limit = len(tokenizer) if vocab_size is None else vocab_size
    has_bos = bos_token_id is not None

    bodies: list[np.ndarray] = []
    owner: list[int] = []
    used: list[_Entry] = []
    counts: Counter[str] = Counter()
    for entry in _in_sample_order(
        documents, tokenizer, context - has_bos, cap, random.Random(seed), counts
    ):
        if not entry.n_used:
            entry.index = len(used)
            used.append(entry)
        bodies.append(entry.waiting.popleft())
        owner.append(entry.index)
        entry.n_used += 1
        if len(owner) == n_sequences:
            break
    else:
        raise _too_small(n_sequences, len(owner), context, cap, counts, len(used))

    token_ids = _with_bos(np.stack(bodies), bos_token_id)
    check_token_ids(token_ids, limit)
    return TokenSample(
        token_ids=token_ids,
        document=np.asarray(owner, dtype=np.int32),
        documents=tuple(entry.row() for entry in used),
        counts=_final_counts(counts, used, context - has_bos),
    )


def random_tokens(
    n_tokens: int,
    context: int,
    vocab_size: int,
    bos_token_id: int | None,
    seed: int,
    excluded_token_ids: Sequence[int] = (),
) -> TokenSample:
    """Uniform token ids, ``ceil(n_tokens / context)`` sequences, each a document of its own.

    Ids in ``excluded_token_ids`` are not drawn (a BOS in mid-sequence makes an outlier of its own
    kind). A larger ``n_tokens`` only appends. Raises ConfigError when nothing is left to draw.
    """
    n_sequences = count_sequences(n_tokens, context)
    has_bos = bos_token_id is not None
    drawable = np.setdiff1d(np.arange(vocab_size), np.asarray(excluded_token_ids, dtype=np.int64))
    if drawable.size == 0:
        raise ConfigError(f"no token id is left to draw from a vocabulary of {vocab_size}")
    n_body = context - has_bos
    draws = np.random.default_rng(seed).integers(drawable.size, size=(n_sequences, n_body))
    token_ids = _with_bos(drawable[draws], bos_token_id)
    check_token_ids(token_ids, vocab_size)
    return TokenSample(
        token_ids=token_ids,
        document=np.arange(n_sequences, dtype=np.int32),
        documents=tuple(
            DocumentRow(index, f"random/{index}", 0, n_body, 1) for index in range(n_sequences)
        ),
        counts={"documents_used": n_sequences, "sequences_used": n_sequences},
    )


def _with_bos(
    bodies: Int[np.ndarray, "n_sequences n_body"], bos_token_id: int | None
) -> Int32[np.ndarray, "n_sequences context"]:
    head = [] if bos_token_id is None else [np.full((len(bodies), 1), bos_token_id)]
    return np.concatenate([*head, bodies], axis=1).astype(np.int32)


@dataclass
class _Entry:
    """A document with its sequences that are not in the sample yet."""

    name: str
    n_characters: int
    n_tokens_total: int | None
    source: str | None
    published: date | None
    waiting: deque[Any] = field(repr=False)
    is_cut: bool
    index: int = -1
    n_used: int = 0

    def row(self) -> DocumentRow:
        return DocumentRow(
            self.index, self.name, self.n_characters, self.n_tokens_total, self.n_used,
            self.source, self.published,
        )  # fmt: skip


def _in_sample_order(
    documents: Iterable[Document],
    tokenizer: Any,
    n_body: int,
    cap: int | None,
    rng: random.Random,
    counts: Counter[str],
) -> Iterator[_Entry]:
    """Entries whose next sequence comes next: block by block, round by round."""
    for block in _blocks(documents, counts):
        rng.shuffle(block)
        entries: list[_Entry] = []
        for entry in _tokenised(block, tokenizer, n_body, cap):
            if entry.waiting:
                entries.append(entry)
                yield entry
            else:
                counts["documents_too_short"] += 1
        while entries := [entry for entry in entries if entry.waiting]:
            yield from entries


def _blocks(documents: Iterable[Document], counts: Counter[str]) -> Iterator[list[Document]]:
    block: list[Document] = []
    n_characters = 0
    for document in documents:
        counts["documents_read"] += 1
        block.append(document)
        n_characters += len(document.text)
        if len(block) >= BLOCK_DOCUMENTS or n_characters >= BLOCK_CHARACTERS:
            yield block
            block, n_characters = [], 0
    if block:
        yield block


def _tokenised(
    block: list[Document], tokenizer: Any, n_body: int, cap: int | None
) -> Iterator[_Entry]:
    n_needed = None if cap is None else cap * n_body
    stream = iter(block)
    while batch := list(islice(stream, _BATCH)):
        encoded = encode_batch([document.text for document in batch], tokenizer, n_needed)
        for document, (ids, is_complete) in zip(batch, encoded, strict=True):
            n_chunks = len(ids) // n_body if cap is None else min(cap, len(ids) // n_body)
            chunks = np.asarray(ids[: n_chunks * n_body], dtype=np.int32)
            yield _Entry(
                document.name,
                len(document.text),
                len(ids) if is_complete else None,
                document.source,
                document.published,
                # Copies of one sequence each: a view would keep a whole book alive.
                deque(row.copy() for row in chunks.reshape(n_chunks, n_body)),
                is_cut=not is_complete or (cap is not None and len(ids) > cap * n_body),
            )


def _final_counts(counts: Counter[str], used: list[_Entry], n_body: int) -> dict[str, int]:
    n_read, n_short = counts["documents_read"], counts["documents_too_short"]
    return {
        "documents_read": n_read,
        "documents_used": len(used),
        "documents_too_short": n_short,
        "documents_unused": n_read - n_short - len(used),
        "documents_cut": sum(entry.is_cut for entry in used),
        "sequences_used": sum(entry.n_used for entry in used),
        "sequences_unused": sum(len(entry.waiting) for entry in used),
        "tail_tokens_dropped": sum(
            entry.n_tokens_total % n_body
            for entry in used
            if entry.n_tokens_total is not None and not entry.is_cut
        ),
    }


def _too_small(
    n_sequences: int,
    n_available: int,
    context: int,
    cap: int | None,
    counts: Counter[str],
    n_documents: int,
) -> DataError:
    limit = "" if cap is None else f", at most {cap} of a document"
    advice = "" if cap is None else ", raise max_sequences_per_document"
    return DataError(
        f"the corpus holds {n_available * context} of the {n_sequences * context} tokens asked "
        f"for: "
        f"{n_available} sequences of {context} from {n_documents} documents{limit}, "
        f"{counts['documents_too_short']} documents were too short for one; "
        f"lower n_tokens{advice}, or add text"
    )
