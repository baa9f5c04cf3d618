"""A kind from outside semdim is a kind like any other, and no sample depends on a role."""

from typing import Any

import numpy as np
import pytest
from text_factory import BOS, corpus, tiny_tokenizer

from semdim.errors import ConfigError
from semdim.registry import load_plugins
from semdim.text.corpus import sample_corpus
from semdim.text.filters import load_documents
from semdim.text.source import source_digest
from semdim.text.spec import CorpusSpec

ARGUMENTS: dict[str, Any] = {
    "context": 16, "bos_token_id": BOS, "vocab_size": 400, "max_sequences_per_document": 4,
    "seed": 3, "special_token_ids": (BOS,),
}  # fmt: skip
VERSES = [f"verse {number}: the quick brown fox jumps over the lazy dog" for number in range(5)]


@pytest.fixture
def poem() -> dict[str, Any]:
    """The settings of a corpus whose kind is defined in tests/fixtures."""
    load_plugins(["tests.fixtures.poem_corpus"])
    return {"kind": "poem", "verses": VERSES, "repetitions": 3, "n_tokens": 96}


def test_a_kind_from_outside_is_read_filtered_sampled_and_told_apart(poem: dict[str, Any]) -> None:
    spec = CorpusSpec.from_mapping(poem | {"only": "verse/[0-3]"}, "corpora.poem")
    assert [document.name for document in load_documents(spec)] == [f"verse/{n}" for n in range(4)]
    sample = sample_corpus(spec, tiny_tokenizer(), **ARGUMENTS)
    assert sample.token_ids.shape == (6, 16)
    assert sample.counts["dropped_not_in_only"] == 1
    assert source_digest(spec) != source_digest(corpus("poem", verses=VERSES[:4]))
    assert source_digest(spec) == source_digest(corpus("poem", verses=VERSES, role="far"))


def test_a_kind_from_outside_can_be_a_base(poem: dict[str, Any]) -> None:
    spec = corpus("shuffled", base=poem, n_tokens=96)
    base = sample_corpus(CorpusSpec.from_mapping(poem), tiny_tokenizer(), **ARGUMENTS)
    shuffled = sample_corpus(spec, tiny_tokenizer(), **ARGUMENTS)
    np.testing.assert_array_equal(np.sort(base.token_ids), np.sort(shuffled.token_ids))
    assert source_digest(spec) == source_digest(CorpusSpec.from_mapping(poem))


def test_its_settings_are_checked_like_any_other(poem: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"corpora\.poem\.repetitions = 0 must be a whole number"):
        CorpusSpec.from_mapping(poem | {"repetitions": 0}, "corpora.poem")
    with pytest.raises(ConfigError, match=r"of kind poem has no setting 'verse'.*mean 'verses'"):
        CorpusSpec.from_mapping({"kind": "poem", "verse": VERSES}, "corpora.poem")


@pytest.mark.parametrize("kind", ["poem", "random", "replaced", "shuffled"])
def test_the_role_does_not_reach_the_sample(poem: dict[str, Any], kind: str) -> None:
    settings = poem if kind == "poem" else {"kind": kind, "n_tokens": 96}
    if kind in ("replaced", "shuffled"):
        settings["base"] = poem
    first, *others = (
        sample_corpus(corpus(**settings, role=role), tiny_tokenizer(), **ARGUMENTS)
        for role in ("id", "near", "far")
    )
    for other in others:
        np.testing.assert_array_equal(first.token_ids, other.token_ids)
        assert (other.documents, other.counts) == (first.documents, first.counts)
