"""Packing: what every sequence of a sample must be, for any documents."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_factory import BOS, EOS_TEXT, tiny_tokenizer

from semdim.errors import ConfigError, DataError
from semdim.text import packing
from semdim.text.documents import Document
from semdim.text.packing import pack, random_tokens
from semdim.text.samples import TokenSample
from semdim.text.tokenizing import encode_batch

CONTEXT = 8


def make_documents(lengths: list[int]) -> list[Document]:
    """Documents of about that many words, no two alike."""
    return [
        Document(
            f"doc{number}", " ".join(f"{chr(97 + (number + at) % 26)}{number}x" for at in range(n))
        )
        for number, n in enumerate(lengths)
    ]


def full_ids(document: Document) -> list[int]:
    return list(tiny_tokenizer()(document.text, add_special_tokens=False)["input_ids"])


def packed(documents: list[Document], n_sequences: int, **changes: object) -> TokenSample:
    settings = {
        "context": CONTEXT,
        "bos_token_id": BOS,
        "n_tokens": n_sequences * CONTEXT,
        "max_sequences_per_document": None,
        "seed": 0,
    }
    return pack(documents, tiny_tokenizer(), **(settings | changes))  # type: ignore[arg-type]


def n_available(documents: list[Document], cap: int | None) -> int:
    chunks = [len(full_ids(document)) // (CONTEXT - 1) for document in documents]
    return sum(n if cap is None else min(n, cap) for n in chunks)


corpora = st.lists(st.integers(0, 60), min_size=1, max_size=12).map(make_documents)
caps = st.one_of(st.none(), st.integers(1, 5))
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(documents=corpora, cap=caps, seed=seeds, share=st.floats(0.01, 1.0))
def test_every_sequence_is_bos_and_one_documents_next_tokens(
    documents: list[Document], cap: int | None, seed: int, share: float
) -> None:
    available = n_available(documents, cap)
    n_sequences = max(1, round(share * available))
    arguments = {"max_sequences_per_document": cap, "seed": seed}
    if available == 0:
        with pytest.raises(DataError, match="holds 0 of the"):
            packed(documents, n_sequences, **arguments)
        return
    sample = packed(documents, n_sequences, **arguments)
    assert sample.token_ids.shape == (n_sequences, CONTEXT)
    assert (sample.token_ids[:, 0] == BOS).all()
    assert not (sample.token_ids[:, 1:] == BOS).any()

    by_name = {document.name: document for document in documents}
    taken = [0] * sample.n_documents
    for row, index in zip(sample.token_ids, sample.document, strict=True):
        ids = full_ids(by_name[sample.documents[index].name])
        start = taken[index] * (CONTEXT - 1)
        assert row[1:].tolist() == ids[start : start + CONTEXT - 1]
        taken[index] += 1

    for row_of, used in zip(sample.documents, taken, strict=True):
        assert row_of.n_sequences_used == used >= 1
        assert cap is None or used <= cap
        ids = full_ids(by_name[row_of.name])
        assert row_of.n_tokens_total in (None, len(ids))
        assert row_of.n_characters == len(by_name[row_of.name].text)
    assert [row_of.index for row_of in sample.documents] == list(range(sample.n_documents))


@settings(max_examples=40, deadline=None)
@given(documents=corpora, cap=caps, seed=seeds)
def test_counts_add_up(documents: list[Document], cap: int | None, seed: int) -> None:
    available = n_available(documents, cap)
    if available == 0:
        return
    sample = packed(documents, available, max_sequences_per_document=cap, seed=seed)
    lengths = [len(full_ids(document)) for document in documents]
    body = CONTEXT - 1
    limit = body * (cap if cap is not None else 10**9)
    n_short = sum(n < body for n in lengths)
    # A short document that the order puts behind the last sequence is never looked at.
    n_unseen = sample.counts["documents_unused"]
    assert n_unseen == 0 or (n_unseen <= n_short and available == sample.n_documents)
    assert sample.counts == {
        "documents_read": len(documents),
        "documents_used": len(documents) - n_short,
        "documents_too_short": n_short - n_unseen,
        "documents_unused": n_unseen,
        "documents_cut": sum(n > limit for n in lengths),
        "sequences_used": available,
        "sequences_unused": 0,
        "tail_tokens_dropped": sum(n % body for n in lengths if body <= n <= limit),
    }
    with pytest.raises(DataError, match=f"holds {available * CONTEXT} of the"):
        packed(documents, available + 1, max_sequences_per_document=cap, seed=seed)


@settings(max_examples=40, deadline=None)
@given(documents=corpora, cap=caps, seed=seeds, data=st.data())
def test_a_larger_sample_only_appends(
    documents: list[Document], cap: int | None, seed: int, data: st.DataObject
) -> None:
    available = n_available(documents, cap)
    if available == 0:
        return
    smaller = packed(
        documents,
        data.draw(st.integers(1, available)),
        max_sequences_per_document=cap,
        seed=seed,
    )
    whole = packed(documents, available, max_sequences_per_document=cap, seed=seed)
    n = smaller.n_sequences
    np.testing.assert_array_equal(whole.token_ids[:n], smaller.token_ids)
    np.testing.assert_array_equal(whole.document[:n], smaller.document)
    names = [row.name for row in whole.documents]
    assert [row.name for row in smaller.documents] == names[: smaller.n_documents]


@settings(max_examples=40, deadline=None)
@given(documents=corpora, seed=seeds, data=st.data())
def test_a_prefix_spans_as_many_documents_as_it_can(
    documents: list[Document], seed: int, data: st.DataObject
) -> None:
    n_usable = n_available(documents, 1)
    available = n_available(documents, None)
    if available == 0:
        return
    n_sequences = data.draw(st.integers(1, available))
    sample = packed(documents, n_sequences, seed=seed)
    assert sample.n_documents == min(n_sequences, n_usable)


def test_the_seed_decides_the_order() -> None:
    documents = make_documents([30] * 40)
    first, again, other = (packed(documents, 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.token_ids, again.token_ids)
    assert not np.array_equal(first.token_ids, other.token_ids)


def test_n_tokens_is_rounded_up_to_whole_sequences() -> None:
    sample = packed(make_documents([60] * 3), 1, n_tokens=CONTEXT + 1)
    assert (sample.n_sequences, sample.n_tokens, sample.context) == (2, 2 * CONTEXT, CONTEXT)


def test_without_bos_a_sequence_is_text_throughout() -> None:
    documents = make_documents([40])
    sample = packed(documents, 2, bos_token_id=None)
    assert sample.token_ids.ravel().tolist() == full_ids(documents[0])[: 2 * CONTEXT]


def test_text_that_spells_a_special_token_stays_text() -> None:
    documents = [Document("a", f"one {EOS_TEXT} two " * 5)]
    sample = packed(documents, 3)
    assert not (sample.token_ids[:, 1:] == BOS).any()


def test_blocks_are_shuffled_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BLOCK_DOCUMENTS", 10)
    documents = make_documents([12] * 30)
    sample = packed(documents, 20, max_sequences_per_document=1)
    order = [int(row.name.removeprefix("doc")) for row in sample.documents]
    assert sorted(order[:10]) == list(range(10)) and order[:10] != list(range(10))
    assert sorted(order[10:]) == list(range(10, 20))
    assert sample.counts["documents_read"] == 20  # the third block was never asked for


def test_a_block_of_long_documents_is_closed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BLOCK_CHARACTERS", 200)
    documents = make_documents([60] * 30)
    sample = packed(documents, 1)
    assert sample.counts["documents_read"] < 5


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"vocab_size": 50}, DataError, "lie outside the model's vocabulary of 50 "),
        ({"bos_token_id": 5000}, DataError, "the first is 5000"),
        ({"context": 1}, ConfigError, "need n_tokens >= 1 and context >= 2"),
        ({"n_tokens": 0}, ConfigError, "need n_tokens >= 1"),
        ({"max_sequences_per_document": 0}, ConfigError, "at least 1 or null, got 0"),
        ({"n_tokens": 10**9}, DataError, "of 8 from 3 documents, 1 documents were too short"),
        (
            {"n_tokens": 10**9, "max_sequences_per_document": 2},
            DataError,
            "at most 2 of a document.*raise max_sequences_per_document, or add text",
        ),
    ],
)
def test_refused(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        packed(make_documents([30, 1, 30, 40]), 3, **changes)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(alphabet="abc \n\tüΩ漢.,'(){}0123", min_size=0, max_size=3000),
    n_needed=st.integers(1, 300),
)
def test_a_cut_text_gives_the_tokens_of_the_whole(text: str, n_needed: int) -> None:
    tokenizer = tiny_tokenizer()
    ((whole, _),) = encode_batch([text], tokenizer, None)
    ((ids, is_complete),) = encode_batch([text], tokenizer, n_needed)
    assert ids[:n_needed] == whole[:n_needed]
    assert not is_complete or ids == whole


def test_a_long_document_is_not_tokenised_to_its_end() -> None:
    lengths: list[int] = []

    class Spy:
        def __call__(self, texts: list[str], **options: object) -> object:
            lengths.extend(len(text) for text in texts)
            return tiny_tokenizer()(texts, **options)

    ((ids, is_complete),) = encode_batch(["word " * 200_000], Spy(), 100)
    assert len(ids) == 100 and not is_complete
    assert sum(lengths) < 5_000


def test_no_warning_about_long_sequences(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="transformers"):
        packed(make_documents([60]), 3)
    assert not [record for record in caplog.records if "longer than" in record.message]


def test_random_tokens_are_uniform_and_start_with_bos() -> None:
    sample = random_tokens(40_000, 8, 50, BOS, seed=3, excluded_token_ids=(0, 7))
    assert sample.token_ids.shape == (5000, 8)
    assert (sample.token_ids[:, 0] == BOS).all()
    assert sample.document.tolist() == list(range(5000))
    assert sample.n_documents == 5000
    ids, frequencies = np.unique(sample.token_ids[:, 1:], return_counts=True)
    assert ids.tolist() == [token for token in range(50) if token not in (0, 7)]
    expected = 35_000 / 48
    chi_square = float(((frequencies - expected) ** 2 / expected).sum())
    assert 20 < chi_square < 84  # 0.1 % on either side of 47 degrees of freedom, and a little


def test_random_tokens_only_append() -> None:
    small, large = (random_tokens(n, 16, 1000, None, seed=1) for n in (160, 1600))
    np.testing.assert_array_equal(large.token_ids[:10], small.token_ids)
    other = random_tokens(160, 16, 1000, None, seed=2)
    assert not np.array_equal(other.token_ids, small.token_ids)


def test_random_tokens_refuses() -> None:
    with pytest.raises(ConfigError, match="no token id is left"):
        random_tokens(10, 4, 2, None, 0, excluded_token_ids=(0, 1))
    with pytest.raises(DataError, match="vocabulary of 10"):
        random_tokens(10, 4, 10, 10, 0)
