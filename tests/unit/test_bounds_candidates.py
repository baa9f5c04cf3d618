"""An autoencoder that was chosen on the certificate's text: the certificate pays for the choice."""

from dataclasses import replace

import numpy as np
import pytest
from bounds_factory import TOPK, sample
from ledger_factory import VOCAB_SIZE

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.assemble import assemble_ledger
from semdim.bounds.candidates import for_each_candidate
from semdim.bounds.families.faithfulness import compute
from semdim.bounds.family import BoundFacts, Family, Kind, families
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import surface_of_ledger
from semdim.errors import ConfigError

SPEC = BoundSpec(n_tokens=(1800, 3600), topk_grid=TOPK, pool_sizes=(64,), sparsity_bins=2)
OF_THE_MODEL = {"holdout", "as_published", "as_published_with_gap_tail", "covering_dudley"} | {
    "token_martingale"
}


def bounds_of(n_candidates: int, spec: BoundSpec = SPEC) -> list[Bound]:
    ledger, max_rank = sample()
    facts = BoundFacts(VOCAB_SIZE, 512, n_candidates=n_candidates)
    return assemble_ledger(ledger, facts, spec, max_rank=max_rank)


def test_who_pays_and_what_is_said() -> None:
    alone, among = bounds_of(1), bounds_of(3)
    payers = {bound.family for bound in alone} - OF_THE_MODEL
    assert payers == {
        "srm_topk", "srm_topk_frontier", "faithfulness", "pool_split", "pool_occam", "occam_pool",
        "risk_by_sparsity", "faithfulness_tokens", "faithfulness_quantile",
    }  # fmt: skip
    for one, other in zip(alone, among, strict=True):
        assert one.budget.failure_prob == other.budget.failure_prob == 0.05
        if one.family not in payers:
            assert one == other
            continue
        assert other.total >= one.total  # equal where a sample is too small for any statement
        own, others = other.budget.shares[:-1], other.budget.shares[-1]
        assert [share.name for share in own] == [share.name for share in one.budget.shares]
        for mine, full in zip(own, one.budget.shares, strict=True):
            assert mine.share == pytest.approx(full.share / 3)
        assert others.name == "as much for each of the 2 other autoencoders that were measured here"
        assert other.budget.spent == pytest.approx(one.budget.spent)
        choice = (
            "the autoencoder was one of 3 that were measured on this text, and the certificate "
            "pays for the choice"
        )
        assert choice in other.assumptions
        assert not any("the autoencoder were frozen" in text for text in other.assumptions)
        assert any("every candidate for the autoencoder was frozen" in a for a in other.assumptions)


def test_it_is_delta_over_the_number_of_candidates() -> None:
    """To the digit: what the same family gives at a third of δ."""
    third = BoundSpec(**{**SPEC.__dict__, "failure_prob": 0.05 / 3})
    paid = [bound.total for bound in bounds_of(3) if bound.family == "faithfulness"]
    assert paid == [b.total for b in bounds_of(1, third) if b.family == "faithfulness"]


def test_the_surface_pays_as_the_curve_does() -> None:
    ledger, _ = sample()
    facts = {"vocab_size": VOCAB_SIZE, "dict_size": 512}
    spec = BoundSpec(n_tokens=(1800, 3600), topk_grid=TOPK, sparsity_bins=0)
    rows = surface_of_ledger(ledger, facts, spec, 3)
    frontier = [
        b.total
        for b in bounds_of(3)
        if b.family == "srm_topk_frontier" and b.smoothing == 0.5 and b.proxy != "sae"
    ]
    assert [row["total"] for row in rows] == frontier


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="whole number of points, got 0"):
        bounds_of(0)


def test_the_best_of_many_misses_unless_it_pays() -> None:
    """Forty autoencoders of one quality; the one that looks best on the sample is kept."""
    vocab_size, n_documents, n_candidates, repetitions = 5000, 50, 40, 300
    low, high = loss_floor(vocab_size, 0.5), loss_ceiling(vocab_size, 0.5)
    spec = BoundSpec(
        n_tokens=(2 * n_documents,),
        topk_grid=(),
        smoothing_grid=(),
        method="hoeffding",
    )
    rng, missed = np.random.default_rng(0), {1: 0, n_candidates: 0}
    for _ in range(repetitions):
        is_far = rng.random((n_candidates, n_documents)) < 0.5
        losses = np.where(is_far[is_far.sum(axis=1).argmin()], high, low)
        of_proxy = {"model": np.full(n_documents, low), "sae": losses}
        table = SequenceTable(2, vocab_size, 0.5, np.arange(n_documents), of_proxy)
        for paid in missed:
            facts = BoundFacts(vocab_size, 10, n_candidates=paid)
            (bound,) = for_each_candidate(compute)(table, facts, spec)
            missed[paid] += bound.total < (high - low) / 2
    tolerance = 3 * np.sqrt(0.05 * 0.95 / repetitions)
    assert missed[1] / repetitions > 0.05 + tolerance
    assert missed[n_candidates] / repetitions <= 0.05 + tolerance


def test_a_family_pays_unless_it_is_registered_as_about_the_model() -> None:
    """One from outside that says nothing pays, if any of its rows can be a certificate."""
    payers = {family.name for family in families() if family.pays_for_candidates}
    assert payers >= {"srm_topk", "faithfulness", "pool", "risk_by_sparsity"}
    assert not payers & {"holdout", "holdout_by_source", "token_martingale", "as_published"}
    kind = Kind("mine", 20, "words", "source", is_certificate=True)
    mine = Family("mine", 900, (kind,), compute=compute, needs=lambda spec: ())
    assert mine.pays_for_candidates and not replace(mine, about="model").pays_for_candidates
