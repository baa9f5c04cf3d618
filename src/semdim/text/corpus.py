"""One call from the description of a corpus, of any kind, to its token sequences."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError
from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.independence import Independence, last_day
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
    frozen_at: str | None = None,
) -> TokenSample:
    """The sample that a corpus stands for, with the account of its reading in ``counts``.

    A derived corpus is made of the very sequences that its base gives for the same arguments,
    in the same order: sequence i is sequence i shifted, and document i is the same document.
    ``special_token_ids`` are never drawn at random. ``frozen_at`` says when the model was last
    changed, which a corpus with dates needs to know. The corpus's role has no influence. Raises
    what load_documents() and pack() do.
    """
    request = SampleRequest(
        tokenizer=tokenizer,
        context=context,
        bos_token_id=bos_token_id,
        vocab_size=vocab_size,
        max_sequences_per_document=max_sequences_per_document,
        seed=seed,
        special_token_ids=tuple(special_token_ids),
        frozen_at=frozen_at,
    )
    return _sample(spec, request)


def _sample(spec: CorpusSpec, request: SampleRequest) -> TokenSample:
    if isinstance(spec, DrawnSpec):
        return spec.drawn(request)
    if isinstance(spec, DerivedSpec):
        base = _sample(replace(spec.base, n_tokens=spec.n_tokens), request)
        return spec.shifted(base, request)
    if getattr(spec, "date_column", None) is not None and request.frozen_at is None:
        raise ConfigError(
            f"The corpus at {spec.place} names the column {spec.date_column!r} of dates, but the "  # type: ignore[attr-defined]
            "model does not state when it was frozen: set frozen_at of its source (--frozen-at), "
            "or leave date_column out."
        )
    read = ReadCounts()
    sample = pack(
        load_documents(spec, read, frozen_at=request.frozen_at),
        request.tokenizer,
        context=request.context,
        bos_token_id=request.bos_token_id,
        n_tokens=spec.n_tokens,
        max_sequences_per_document=request.max_sequences_per_document,
        seed=request.seed,
        vocab_size=request.vocab_size,
    )
    return replace(
        sample,
        counts=read.as_dict() | sample.counts,
        facts=read.facts,
        independence=_independence(spec, request, sample),
    )


def _independence(
    spec: CorpusSpec, request: SampleRequest, sample: TokenSample
) -> Independence | None:
    apart_from = tuple(Path(folder).name for folder in getattr(spec, "apart_from", ()))
    days = [row.published for row in sample.documents]
    if getattr(spec, "date_column", None) is None or request.frozen_at is None:
        return Independence(apart_from=apart_from) if apart_from else None
    frozen = last_day(request.frozen_at, "frozen_at").isoformat()
    first = min((day for day in days if day is not None), default=None)
    is_dated = first is not None and None not in days
    return Independence(frozen, first.isoformat() if first and is_dated else None, apart_from)
