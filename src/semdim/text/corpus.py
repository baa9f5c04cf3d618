"""One call from the description of a corpus, of any kind, to its token sequences."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.packing import pack
from semdim.text.samples import SampleRequest, TokenSample
from semdim.text.spec import CorpusSpec, DerivedSpec, DrawnSpec


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
    ``special_token_ids`` are never drawn at random. The corpus's role has no influence. Raises what
    load_documents() and pack() do.
    """
    request = SampleRequest(
        tokenizer=tokenizer,
        context=context,
        bos_token_id=bos_token_id,
        vocab_size=vocab_size,
        max_sequences_per_document=max_sequences_per_document,
        seed=seed,
        special_token_ids=tuple(special_token_ids),
    )
    return _sample(spec, request)


def _sample(spec: CorpusSpec, request: SampleRequest) -> TokenSample:
    if isinstance(spec, DrawnSpec):
        return spec.drawn(request)
    if isinstance(spec, DerivedSpec):
        base = _sample(replace(spec.base, n_tokens=spec.n_tokens), request)
        return spec.shifted(base, request)
    read = ReadCounts()
    sample = pack(
        load_documents(spec, read),
        request.tokenizer,
        context=request.context,
        bos_token_id=request.bos_token_id,
        n_tokens=spec.n_tokens,
        max_sequences_per_document=request.max_sequences_per_document,
        seed=request.seed,
        vocab_size=request.vocab_size,
    )
    return replace(sample, counts=read.as_dict() | sample.counts, facts=read.facts)
