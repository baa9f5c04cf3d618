"""Does risk grow with k, token by token: correlations, bins, and what the paper predicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ledger_factory import VOCAB_SIZE, make_ledger
from scipy.stats import spearmanr

from semdim.bounds.aggregate import sequence_losses
from semdim.bounds.families.as_published import compute
from semdim.bounds.family import BoundFacts
from semdim.bounds.per_token import _Ranks, _weighted, k_and_loss, per_input, spearman
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.errors import DataError
from semdim.records import read_record, write_record
from semdim.results.k_and_loss import KAndLoss


def published(ledger: pd.DataFrame) -> Bound:
    table = sequence_losses(ledger, ["model", "sae"], 0.5, VOCAB_SIZE)
    return next(iter(compute(table, BoundFacts(VOCAB_SIZE, 640), BoundSpec())))


def anti(ledger: pd.DataFrame) -> pd.DataFrame:
    """A ledger in which the loss falls with k and grows with the entropy."""
    noise = np.random.default_rng(0).normal(0, 0.1, len(ledger))
    nll = (20 - 0.4 * ledger["n_active"] + noise).clip(lower=0)
    nll = nll.where(ledger["nll_model"].notna())
    return ledger.assign(nll_model=nll, entropy=nll + noise)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(float, (2, 12), elements=st.integers(0, 4)))
def test_it_is_spearmans_correlation(values: np.ndarray) -> None:
    x, y = values
    found = spearman(x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_a_weight_is_a_repetition() -> None:
    """What a resample of documents gives is what its rows, written out, give."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, 40).astype(float), rng.normal(size=40)
    weight = rng.integers(0, 4, 40)
    weighted = weight.astype(float)
    found = _weighted(_Ranks(x).of(weighted), _Ranks(y).of(weighted), weighted)
    rows = np.repeat(np.arange(40), weight)
    assert found == pytest.approx(spearmanr(x[rows], y[rows]).statistic, abs=1e-12)


def test_high_k_with_low_loss_is_found() -> None:
    ledger = anti(make_ledger())
    found = k_and_loss(ledger, published(ledger), seed=0)
    rows = ledger[(ledger["position"] > 0) & ledger["nll_model"].notna()]
    assert (found.n_tokens, found.n_sequences, found.n_documents) == (len(rows), 80, 40)
    of_k, of_entropy = found.correlations
    assert of_k.predictor == "n_active" and of_entropy.predictor == "entropy"
    direct = spearmanr(rows["n_active"], rows["nll_model"]).statistic
    assert of_k.spearman == pytest.approx(direct) and direct < -0.8
    assert of_k.low is not None and of_k.high is not None
    assert of_k.low < of_k.spearman < of_k.high < 0 < (of_entropy.spearman or 0)
    assert of_k.negative_sequences == 1.0 and of_entropy.negative_sequences == 0.0

    assert sum(entry.n_tokens for entry in found.bins) == len(rows)
    assert 8 <= len(found.bins) <= 10
    losses = [entry.nll for entry in found.bins]
    claims = [entry.per_input for entry in found.bins]
    assert losses == sorted(losses, reverse=True) and claims == sorted(claims)  # type: ignore[type-var]
    for entry in found.bins:
        inside = rows[rows["n_active"].between(entry.least_k, entry.largest_k)]
        assert entry.n_tokens == len(inside)
        assert entry.nll == pytest.approx(inside["nll_model"].mean())
        assert (
            entry.low is not None and entry.high is not None and entry.low < entry.nll < entry.high
        )


def test_position_zero_is_no_token() -> None:
    """Its 500 atoms would be a bin of their own."""
    assert k_and_loss(make_ledger(), None, seed=0).bins[-1].largest_k < 100


def test_the_interval_covers() -> None:
    """Over documents that differ: 95 % intervals of a bin's mean loss, against the truth."""
    hits = 0
    for seed in range(24):
        ledger = make_ledger(n_documents=20, constant=7, seed=seed)
        (only,) = k_and_loss(ledger, None, seed=seed).bins
        assert only.low is not None and only.high is not None
        hits += only.low <= 3.0 <= only.high  # Gamma(2, 1.5)
    assert hits >= 20


def test_per_input_at_the_mean_k_is_the_published_bound() -> None:
    bound = published(make_ledger())
    assert bound.k is not None
    assert per_input(bound, bound.k) == pytest.approx(bound.total)
    assert per_input(bound, 4 * bound.k) > per_input(bound, bound.k)  # type: ignore[operator]
    assert per_input(bound, 0.0) is None and per_input(None, 9.0) is None


def test_a_constant_k_has_no_correlation() -> None:
    found = k_and_loss(make_ledger(constant=7), None, seed=0)
    of_k = found.correlations[0]
    assert (of_k.spearman, of_k.low, of_k.high, of_k.negative_sequences) == (None,) * 4
    assert len(found.bins) == 1 and found.bins[0].per_input is None


def test_it_is_a_record(tmp_path: Path) -> None:
    ledger = make_ledger()
    found = k_and_loss(ledger, published(ledger), seed=0)
    write_record(tmp_path / "k_and_loss.json", found)
    assert read_record(tmp_path / "k_and_loss.json", KAndLoss) == found
    assert k_and_loss(ledger, published(ledger), seed=0) == found


def test_one_document_is_refused() -> None:
    with pytest.raises(DataError, match="give two or more"):
        k_and_loss(make_ledger(n_documents=1), None, seed=0)
