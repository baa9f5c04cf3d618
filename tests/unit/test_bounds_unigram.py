"""The unigram baseline: predicted from other documents, and what the published bound is below."""

import numpy as np
import pandas as pd
import pytest
from bounds_factory import FACTS, sample
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.published_terms import published_crossing
from semdim.bounds.quantities import smoothed_loss
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import headline
from semdim.bounds.unigram import unigram_baseline, unigram_losses
from semdim.bounds.unigram_crossing import against_unigram
from semdim.errors import ConfigError, DataError

TINY = np.array([[0, 1, 1, 2], [0, 1, 3, 3], [0, 2, 2, 2]])
"""Position 0 is BOS; documents 7, 7 and 9; V = 4."""


def test_a_document_is_predicted_from_the_others_alone() -> None:
    losses = unigram_losses(TINY, np.array([7, 7, 9]), 4, 0.5)
    # Document 9 has three 2s, so document 7 costs 2: (3 + 1)/(3 + 4), else 1/(3 + 4).
    probability = np.array([[1, 1, 4], [1, 1, 1]]) / 7
    np.testing.assert_allclose(losses[:2], smoothed_loss(-np.log2(probability), 0.5, 4))
    # Document 7 has one 2 among six tokens.
    np.testing.assert_allclose(losses[2], smoothed_loss(-np.log2(np.full(3, 0.2)), 0.5, 4))


@given(st.integers(2, 6), st.integers(2, 30), st.integers(0, 100))
def test_it_is_what_plain_counting_gives(n_documents: int, vocab_size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    document = np.concatenate([np.arange(n_documents), rng.integers(0, n_documents, 5)])
    token_id = rng.integers(0, vocab_size, (len(document), 4))
    losses = unigram_losses(token_id, document, vocab_size, 0.3)
    for row in range(len(document)):
        elsewhere = token_id[document != document[row], 1:]
        for column in range(1, 4):
            count = int((elsewhere == token_id[row, column]).sum())
            p = (count + 1) / (elsewhere.size + vocab_size)
            expected = smoothed_loss(-np.log2(np.array([p])), 0.3, vocab_size)[0]
            assert losses[row, column - 1] == pytest.approx(expected, rel=1e-12)


def test_frequent_tokens_cost_less_than_a_uniform_guess_and_uniform_ones_as_much() -> None:
    rng = np.random.default_rng(0)
    document = np.repeat(np.arange(40), 5)
    skewed = rng.geometric(0.2, (200, 50)).clip(max=63)
    uniform = rng.integers(0, 64, (200, 50))
    assert unigram_losses(skewed, document, 64, 0.5).mean() < 5.0
    assert unigram_losses(uniform, document, 64, 0.5).mean() == pytest.approx(6.0, abs=0.02)


def test_one_document_and_ids_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(DataError, match="needs two documents"):
        unigram_losses(TINY, np.array([7, 7, 7]), 4, 0.5)
    with pytest.raises(DataError, match="run from 1 to 3"):
        unigram_losses(TINY, np.array([7, 7, 9]), 3, 0.5)


def with_ids(ledger: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return ledger.assign(token_id=rng.geometric(0.3, len(ledger)).clip(max=FACTS.vocab_size - 1))


def test_the_crossing_is_where_the_published_bound_meets_the_baseline() -> None:
    ledger, max_rank = sample()
    ledger = with_ids(ledger)
    spec = BoundSpec(n_tokens=(240, 600), topk_grid=(), sparsity_bins=0)
    bounds = assemble_ledger(ledger, FACTS, spec, max_rank=max_rank)
    found = against_unigram(bounds, ledger, spec.smoothing)
    last = [bound for bound in bounds if bound.family == "as_published"][-1]
    n_sequences = last.size.n_sequences
    baseline = unigram_baseline(ledger, FACTS.vocab_size, spec.smoothing, n_sequences)
    assert found["unigram_baseline"] == baseline
    risk = last.proxy_risk + last.gap
    if found["as_published_unigram_crossing_n_tokens"] is None:
        assert risk >= baseline
    else:
        cost = last.complexity + last.tail
        expected = last.size.n_tokens * (cost / (baseline - risk)) ** 2
        crossing = found["as_published_unigram_crossing_n_tokens"]
        assert crossing == pytest.approx(expected, rel=1e-9)
    assert set(found).isdisjoint(headline(bounds, spec.smoothing))
    assert against_unigram(bounds, ledger, 0.123) == {}


def test_a_baseline_below_the_measured_part_is_refused_in_its_own_words() -> None:
    setting = {"n_active": 60, "dict_size": 24576, "vocab_size": 50257, "smoothing": 0.5}
    for baseline, message in ((6.0, "not below the baseline = 6,"), (None, "not below log2 V")):
        with pytest.raises(ConfigError, match=message):
            published_crossing(risk_plus_gap=16.0, failure_prob=0.05, baseline=baseline, **setting)
    below_log2_v = published_crossing(risk_plus_gap=6.7182, failure_prob=0.05, **setting)
    below_11 = published_crossing(
        risk_plus_gap=6.7182, failure_prob=0.05, baseline=11.36, **setting
    )
    assert below_11 / below_log2_v == pytest.approx(
        ((np.log2(50257) - 6.7182) / (11.36 - 6.7182)) ** 2
    )
