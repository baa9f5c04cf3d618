"""Slightly shifted samples, and whole corpora in one call."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_factory import BOS, corpus, tiny_tokenizer

from semdim.errors import ConfigError, DataError
from semdim.text.corpus import sample_corpus
from semdim.text.packing import random_tokens
from semdim.text.shifts import find_word_starts, replace_tokens, shuffle_words
from semdim.text.spec import CorpusSpec

SENTENCE = "The quick brown fox jumps over the lazy dog, and the old house stands empty. "


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.01, 1.0), seed=st.integers(0, 1000))
def test_the_share_of_replaced_tokens_is_exact_in_every_sequence(share: float, seed: int) -> None:
    sample = random_tokens(20 * 33, 33, 50_000, BOS, seed=0)
    shifted = replace_tokens(
        sample, vocab_size=100_000, bos_token_id=BOS, seed=seed, share=share,
        excluded_token_ids=range(50_000),
    )  # fmt: skip
    replaced = shifted.token_ids >= 50_000
    assert (replaced.sum(axis=1) == round(share * 32)).all()
    np.testing.assert_array_equal(shifted.token_ids[~replaced], sample.token_ids[~replaced])
    assert (shifted.token_ids[:, 0] == BOS).all()
    assert shifted.counts["tokens_replaced"] == replaced.sum()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), has_bos=st.booleans())
def test_shuffled_words_are_the_same_words(seed: int, has_bos: bool) -> None:
    bos = BOS if has_bos else None
    sample = random_tokens(5 * 20, 20, 30, bos, seed=seed)
    starts = np.arange(30) % 3 == 0
    shuffled = shuffle_words(sample, starts_word=starts, bos_token_id=bos, seed=seed)

    def words(row: np.ndarray) -> list[tuple[int, ...]]:
        body = row[1:] if has_bos else row
        cuts = [at for at in range(1, len(body)) if starts[body[at]]]
        return [tuple(part.tolist()) for part in np.split(body, cuts)]

    for before, after in zip(sample.token_ids, shuffled.token_ids, strict=True):
        assert sorted(before.tolist()) == sorted(after.tolist())
        # A first piece that starts no word may join the word it is put behind.
        whole, moved = words(before), words(after)
        assert len(moved) - len(whole) in (0, -1)
        if starts[before[int(has_bos)]]:
            assert sorted(whole) == sorted(moved)
    assert not has_bos or (shuffled.token_ids[:, 0] == BOS).all()
    assert not np.array_equal(sample.token_ids, shuffled.token_ids)


@pytest.mark.parametrize("shift", ["replace", "shuffle"])
def test_a_longer_shifted_sample_only_appends(shift: str) -> None:
    results = []
    for n_tokens in (160, 1600):
        sample = random_tokens(n_tokens, 16, 30, BOS, seed=0)
        if shift == "replace":
            results.append(replace_tokens(sample, vocab_size=30, bos_token_id=BOS, seed=4))
        else:
            starts = np.arange(30) % 2 == 0
            results.append(shuffle_words(sample, starts_word=starts, bos_token_id=BOS, seed=4))
    np.testing.assert_array_equal(results[1].token_ids[:10], results[0].token_ids)


def test_shifts_refuse() -> None:
    sample = random_tokens(160, 16, 30, BOS, seed=0)
    with pytest.raises(ConfigError, match=r"share must lie in \(0, 1\], got 0"):
        replace_tokens(sample, vocab_size=30, bos_token_id=BOS, seed=0, share=0.0)
    with pytest.raises(DataError, match="vocabulary of 10"):
        replace_tokens(sample, vocab_size=10, bos_token_id=BOS, seed=0)


def test_word_starts_follow_the_vocabulary() -> None:
    tokenizer = tiny_tokenizer()
    starts = find_word_starts(tokenizer, 500)
    for token_id in range(len(tokenizer)):
        text = tokenizer.decode([token_id])
        if text.isprintable():  # lone bytes of a longer character decode to a replacement sign
            assert starts[token_id] == text.startswith(" "), (token_id, text)
    assert starts[len(tokenizer) :].all()
    ids = tokenizer("fox jumps\nover", add_special_tokens=False)["input_ids"]
    first_words = [tokenizer.decode([i]) for i in ids if starts[i]]
    assert first_words[0].startswith(" ") and "\n" in "".join(first_words)


@pytest.fixture
def files(tmp_path: Path) -> CorpusSpec:
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text(f"Text number {number}. " + SENTENCE * 5)
    return corpus("files", path=str(tmp_path), n_tokens=80)


ARGUMENTS = {
    "context": 16,
    "bos_token_id": BOS,
    "vocab_size": 400,
    "max_sequences_per_document": 2,
    "seed": 0,
    "special_token_ids": (BOS,),
}


def test_sample_corpus_joins_both_accounts(files: CorpusSpec) -> None:
    sample = sample_corpus(files, tiny_tokenizer(), **ARGUMENTS)
    assert sample.n_sequences == 5
    assert sample.counts["files_read"] == sample.counts["documents_read"] == 6
    assert sample.counts["documents_used"] == 5
    assert sample.counts["documents_unused"] == 1


@pytest.mark.parametrize("kind", ["replaced", "shuffled"])
def test_a_derived_corpus_shifts_the_sequences_of_its_base(files: CorpusSpec, kind: str) -> None:
    base_settings = {"kind": "files", "path": files.place, "role": "far", "n_tokens": 7}
    spec = corpus(kind, role="near", n_tokens=48, base=base_settings)
    base = sample_corpus(files, tiny_tokenizer(), **ARGUMENTS)
    shifted = sample_corpus(spec, tiny_tokenizer(), **ARGUMENTS)
    assert shifted.n_sequences == 3
    assert [row.name for row in shifted.documents] == [row.name for row in base.documents[:3]]
    for before, after in zip(base.token_ids[:3], shifted.token_ids, strict=True):
        if kind == "shuffled":
            assert sorted(before) == sorted(after) and before.tolist() != after.tolist()
        else:
            assert 1 <= (before != after).sum() <= round(0.15 * 15)


def test_a_random_corpus_never_draws_special_tokens() -> None:
    spec = corpus("random", role="far", n_tokens=16_000)
    sample = sample_corpus(spec, tiny_tokenizer(), **ARGUMENTS)
    assert sample.n_sequences == 1000
    assert not (sample.token_ids[:, 1:] == BOS).any()
