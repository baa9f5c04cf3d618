"""One call from the description of a corpus, of any kind, to its token sequences."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.packing import pack, random_tokens
from semdim.text.samples import TokenSample
from semdim.text.shifts import find_word_starts, replace_tokens, shuffle_words
from semdim.text.spec import CorpusSpec


def sample_corpus(
    spec: CorpusSpec,
    tokenizer: Any,
    *,
    context: int,
    bos_token_id: int | None,
    vocab_size: int,
    max_sequences_per_document: int | None,
    seed: int,
    special_token_ids: Sequence[int] = (),
) -> TokenSample:
    """The sample that a corpus stands for, with the account of its reading in ``counts``.

    A derived corpus is made of the very sequences that its base gives for the same arguments,
    in the same order: sequence i is sequence i shifted, and document i is the same document.
    ``special_token_ids`` are never drawn at random. Raises what load_documents() and pack() do.
    """
    if spec.kind == "random":
        return random_tokens(
            spec.n_tokens, context, vocab_size, bos_token_id, seed, special_token_ids
        )
    if spec.base is not None:
        base = sample_corpus(
            dataclasses.replace(spec.base, n_tokens=spec.n_tokens),
            tokenizer,
            context=context,
            bos_token_id=bos_token_id,
            vocab_size=vocab_size,
            max_sequences_per_document=max_sequences_per_document,
            seed=seed,
            special_token_ids=special_token_ids,
        )
        if spec.kind == "replaced":
            return replace_tokens(
                base,
                vocab_size=vocab_size,
                bos_token_id=bos_token_id,
                seed=seed,
                share=spec.share,
                excluded_token_ids=special_token_ids,
            )
        starts_word = find_word_starts(tokenizer, vocab_size)
        return shuffle_words(base, starts_word=starts_word, bos_token_id=bos_token_id, seed=seed)
    read = ReadCounts()
    sample = pack(
        load_documents(spec, read),
        tokenizer,
        context=context,
        bos_token_id=bos_token_id,
        n_tokens=spec.n_tokens,
        max_sequences_per_document=max_sequences_per_document,
        seed=seed,
        vocab_size=vocab_size,
    )
    return dataclasses.replace(sample, counts=read.as_dict() | sample.counts, facts=read.facts)
