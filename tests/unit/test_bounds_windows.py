"""A document's value is one quantity: for every N, every method, wherever the sample ends."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.assemble import assemble
from semdim.bounds.concentration import upper_mean
from semdim.bounds.estimand import mean_over_text
from semdim.bounds.families.holdout import holdout
from semdim.bounds.family import BoundFacts
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.sample import Sample
from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import surface
from semdim.bounds.windows import Windows, complete_rounds, n_documents_at, rounds
from semdim.errors import ConfigError, DataError

CONTEXT, VOCAB_SIZE = 8, 50257
FACTS = BoundFacts(vocab_size=VOCAB_SIZE, dict_size=512)
PROXIES = ("model", "sae", "topk_16", "pool_64")


def in_rounds(lengths: Sequence[int]) -> np.ndarray:
    """The document of every window, as `semdim.text.packing.pack` orders one block."""
    return np.array(
        [doc for r in range(max(lengths)) for doc, n in enumerate(lengths) if n > r], dtype=np.int64
    )


def table_of(document: np.ndarray, losses: np.ndarray, gap: float = 0.2) -> SequenceTable:
    """A sample whose windows have these mean losses; proxies lose `gap` more."""
    n = len(document)
    by_proxy = {name: losses + (0.0 if name == "model" else gap) for name in PROXIES}
    return SequenceTable(
        context=CONTEXT,
        vocab_size=VOCAB_SIZE,
        smoothing=0.5,
        document=document,
        losses=by_proxy,
        n_active_sum={name: np.linspace(60.0, 90.0, n) for name in ("all", "without_bos")},
        n_active_count={name: np.ones(n) for name in ("all", "without_bos")},
        max_rank=np.tile([10, 100], n)[:n],
    )


# --- where the sample ends --------------------------------------------------------------------


def test_rounds_count_the_earlier_windows_of_a_document() -> None:
    assert rounds(np.array([5, 2, 5, 5, 2, 0])).tolist() == [0, 0, 1, 2, 1, 0]


@pytest.mark.parametrize(
    ("document", "complete"),
    [
        ([0, 1, 2], 1),  # the first round, whether or not documents are still to come
        ([0, 1, 2, 0], 1),  # 1 and 2 may have lost a second window
        ([0, 1, 2, 0, 2], 2),  # 1 was asked and had none
        ([0, 1, 2, 0, 1, 2, 0, 1], 2),
        ([0, 1, 2, 0, 1, 2, 0, 2], 3),
        ([0, 1, 0, 1, 0, 0], 4),  # alone in rounds 3 and 4, behind nobody
        ([0, 0, 0, 1, 1], 2),  # document by document: the last may have lost its third
        ([0, 0, 0, 1], 1),
        ([0, 1, 0, 2, 3, 2], 1),  # two blocks; 3 may have lost its second
        ([0, 1, 0, 2, 3, 3], 2),  # two blocks; 2 was asked and had none
        ([3, 1, 3, 0, 1], 1),  # no rounds
    ],
)
def test_complete_rounds_by_hand(document: list[int], complete: int) -> None:
    assert complete_rounds(np.array(document)) == complete


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.data())
def test_nobody_lacks_a_window_of_a_complete_round(lengths: list[int], data: st.DataObject) -> None:
    """However the sample is cut, the windows that count are those of the uncut one."""
    whole = in_rounds(lengths)
    cut = data.draw(st.integers(1, len(whole)))
    there = np.bincount(whole[:cut], minlength=len(lengths))
    complete = complete_rounds(whole[:cut])
    reached = there > 0
    wanted = np.minimum(lengths, complete)
    assert (np.minimum(there, complete)[reached] == wanted[reached]).all()
    if complete < there.max():  # and one round more could not be promised, whatever is behind
        more = whole[:cut].tolist() + [
            doc for doc, n in enumerate(there) if n == complete and doc > whole[cut - 1]
        ]
        assert len(more) > cut


def test_what_is_known_to_be_uncut_counts_with_all_its_windows() -> None:
    document = in_rounds([3, 3, 1, 2, 2])
    assert complete_rounds(document[:-1]) == 2
    assert complete_rounds(document, is_uncut=True) == 3
    ends_before = in_rounds([3, 2, 2])  # 1 and 2 could have had a third
    assert complete_rounds(ends_before) == 2
    facts = BoundFacts.from_mapping(
        {"vocab_size": VOCAB_SIZE, "dict_size": 512,
         "counts": {"sequences_used": 7, "sequences_unused": 0}}
    )  # fmt: skip
    assert facts.n_sequences_uncut == 7
    spec = BoundSpec(n_tokens=(7 * CONTEXT,), topk_grid=(), sparsity_bins=0)
    table = table_of(ends_before, np.full(7, 5.0))
    for known, n_windows in ((facts, 3), (FACTS, 2)):
        found = assemble(table, known, spec).bounds
        assert {b.size.windows.per_document for b in found if b.is_certificate} == {n_windows}


def test_a_window_count_that_the_sample_cannot_hold_is_refused() -> None:
    table = table_of(in_rounds([3, 3, 3])[:8], np.full(8, 5.0))
    assert Sample.of(table, 2).documents.n_sequences == 6
    with pytest.raises(DataError, match="= 3, but the sample ends within round 3"):
        Sample.of(table, 3)
    with pytest.raises(DataError, match="= 4, but no document of the sample has more than 3"):
        Sample.of(table, 4)


# --- one quantity for every N -------------------------------------------------------------------


def harder_later(n_documents: int = 400, seed: int = 0) -> tuple[SequenceTable, np.ndarray]:
    """A sample whose later windows are harder, and whose longer documents are harder too; it ends
    within the last round. Beside it the documents' true expected value over two windows."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 5, n_documents)
    document = in_rounds(lengths.tolist())
    document = document[: len(document) - 5]
    at = rounds(document)
    expected = 4.0 + 1.0 * at + 0.5 * lengths[document]
    losses = expected + rng.uniform(-0.3, 0.3, len(document))
    both = 4.0 + 0.5 * np.minimum(lengths - 1, 1) + 0.5 * lengths
    return table_of(document, losses), both


def test_the_mean_of_a_document_does_not_depend_on_n() -> None:
    table, expected = harder_later()
    spec = BoundSpec(
        n_tokens=(500, 1000, 2000, 4000, table.n_sequences * CONTEXT),
        topk_grid=(16,),
        windows_per_document=2,
        sparsity_bins=0,
    )
    found = assemble(table, FACTS, spec).bounds
    of_model = [b for b in found if b.family == "holdout"]
    assert len(of_model) == 4 * len(spec.n_tokens)
    sample = Sample.of(table, 2)
    for bound in of_model:
        n = bound.size.n_documents
        assert bound.proxy_risk == pytest.approx(expected[:n].mean(), abs=0.1)
        assert bound.size.windows == Windows(CONTEXT, False, 2)
        # the documents of a small N are the first of those of a larger one, value by value
        part = sample.at(bound.size.n_tokens_asked).documents.by_unit("document")
        whole = sample.documents.by_unit("document")
        assert part.losses["model"].tolist() == whole.losses["model"][:n].tolist()
    # what had been printed under one name: means that rise with N
    raw = [table.first(n).by_unit("document") for n in spec.n_tokens]
    means = [float(units.losses["model"].mean()) for units in raw]
    assert means[-1] > means[0] + 0.7
    per_method = {b.method: b.proxy_risk for b in of_model if b.size.n_documents == 400}
    assert len(per_method) == 4 and len(set(per_method.values())) == 1


def test_certified_and_measured_are_of_one_quantity() -> None:
    """At every N and α the rows about the model's risk have one subject and one measured value."""
    table, _ = harder_later()
    spec = BoundSpec(n_tokens=(2000, 6000), topk_grid=(16,), sparsity_bins=0)
    found = assemble(table, FACTS, spec).bounds
    certified = [b for b in found if b.is_certificate and b.is_risk]
    assert {b.subject for b in certified} == {
        "risk of the model: mean over documents of the mean smoothed loss (α = 0.5) over their "
        f"first 3 windows (all, if fewer) of {CONTEXT} tokens"
    }
    for asked in (2000, 6000):
        at_n = [b for b in certified if b.size.n_tokens_asked == asked]
        assert len({(b.size.n_tokens, b.size.n_documents) for b in at_n}) == 1
        assert len({b.proxy_risk for b in at_n if b.family == "holdout"}) == 1
    published = [b for b in found if b.family == "as_published"]
    assert all("all sequences" in b.subject and "paper" in b.subject for b in published)
    assert [b.size.n_tokens for b in published] == [2000, 6000]


def test_documents_at_n_do_not_depend_on_their_lengths() -> None:
    for lengths in ([1, 4] * 50, [4, 1] * 50, [1] * 50 + [4] * 50):
        table = table_of(in_rounds(lengths), np.full(sum(lengths), 5.0))
        assert [Sample.of(table, 4).at(n).n_documents for n in (8, 200, 1000, 2000)] == [
            0, 10, 50, 100,
        ]  # fmt: skip
    assert n_documents_at(362, 782, 781) == 362
    assert n_documents_at(362, 782, 7) == 3


def test_too_few_documents_leave_a_family_out_and_nothing_else() -> None:
    lengths = [4] * 30
    table = table_of(in_rounds(lengths), np.linspace(4.0, 6.0, 120))
    spec = BoundSpec(
        n_tokens=(CONTEXT, 120 * CONTEXT),
        topk_grid=(16,),
        pool_sizes=(64,),
        sparsity_bins=2,
        sparsity_statistic="mean",
    )
    found = assemble(table, FACTS, spec)
    early = [b.family for b in found.bounds if b.size.n_tokens_asked == CONTEXT]
    assert early == ["as_published", "as_published_with_gap_tail", "covering_dudley"]
    out = {e.family: e for e in found.left_out}
    of_tokens = {"faithfulness_tokens", "token_martingale"}  # this table has no losses of tokens
    few = {name for name, entry in out.items() if "covers 0 of the documents" in entry.reason}
    assert few >= {"holdout", "srm_topk", "faithfulness", "pool"} and set(out) - few <= (
        of_tokens | {"risk_by_sparsity"}
    )
    late = {b.family for b in found.bounds if b.size.n_tokens_asked == 120 * CONTEXT}
    assert {"holdout", "srm_topk", "faithfulness", "occam_pool", "risk_by_sparsity"} <= late
    none_asked = assemble(table, FACTS, replace(spec, topk_grid=(), pool_sizes=()))
    left_out = {e.family for e in none_asked.left_out} - of_tokens - {"risk_by_sparsity"}
    assert left_out == {"holdout", "faithfulness"}
    assert [row["n_tokens_asked"] for row in surface(table, FACTS, spec)] == [120 * CONTEXT]


# --- no certificate in the middle of a round --------------------------------------------------


def test_values_of_a_cut_round_are_no_certificate() -> None:
    document = in_rounds([2] * 200)[:300]
    units = table_of(document, np.where(rounds(document) == 0, 9.0, 3.0)).by_unit("document")
    assert units.size.is_partial and not units.size.is_honest
    model = {"vocab_size": VOCAB_SIZE, "smoothing": 0.5, "failure_prob": 0.05}
    bound = holdout(units.losses["model"], size=units.size, method="betting", **model)
    assert not bound.is_certificate
    with pytest.raises(ConfigError, match="ends within a round"):
        replace(bound, is_certificate=True)


@pytest.mark.parametrize("unit", ["document", "sequence", "token"])
def test_no_path_certifies_a_cut_round(unit: str) -> None:
    document = in_rounds([2] * 200)[:300]
    losses = np.where(rounds(document) == 0, 9.0, 3.0) + np.linspace(0.0, 0.5, 300)
    table = table_of(document, losses)
    flat = {name: np.repeat(x, CONTEXT - 1).reshape(300, -1) for name, x in table.losses.items()}
    spec = BoundSpec(
        n_tokens=(200 * CONTEXT, 250 * CONTEXT, 300 * CONTEXT),
        topk_grid=(16,),
        pool_sizes=() if unit == "token" else (64,),
        unit=unit,  # type: ignore[arg-type]
        sparsity_bins=2,
        sparsity_statistic="mean",
    )
    found = assemble(replace(table, token_losses=flat), FACTS, spec)
    certified = [b for b in found.bounds if b.is_certificate and b.dependence != "martingale"]
    assert bool(certified) is (unit != "token")  # one window of each document: sequences may count
    for bound in certified:
        assert bound.size.windows is not None and bound.size.windows.per_document == 1
        assert bound.size.n_sequences == bound.size.n_documents
        assert not bound.is_risk or bound.proxy_risk > 8.9
        assert any("windows_per_document is null" in words for words in bound.assumptions)
    set_by_hand = assemble(table, FACTS, replace(spec, unit="document", windows_per_document=1))
    assert not any(
        "windows_per_document" in words for b in set_by_hand.bounds for words in b.assumptions
    )


def missed(draw_table: np.random.Generator, method: str, whole: bool) -> bool:
    """The issue's sample: first windows 9 bits, second 3, 200 documents, 300 of 400 sequences."""
    document = in_rounds([2] * 200)[:300]
    losses = np.where(rounds(document) == 0, 9.0, 3.0) + draw_table.uniform(-0.5, 0.5, 300)
    table = table_of(document, losses)
    if whole:
        part = Sample.of(table, None).at(300 * CONTEXT).documents
        risk = 9.0
    else:  # what had been certified: the documents as the sample holds them
        part, risk = table, 7.5  # half of them with both windows: (6 + 9) / 2
    values = part.by_unit("document").losses["model"]
    size = SampleSize(2400, 300, len(values))
    model = {"vocab_size": VOCAB_SIZE, "smoothing": 0.5, "failure_prob": 0.05}
    return holdout(values, size=size, method=method, **model).total < risk  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["betting", "betting_sequence"])
def test_betting_over_whole_documents_misses_no_more_than_it_promises(method: str) -> None:
    repetitions = 100
    rng = np.random.default_rng(3)
    misses = sum(missed(rng, method, whole=True) for _ in range(repetitions))
    spread = math.sqrt(repetitions * 0.05 * 0.95)
    assert misses <= 0.05 * repetitions + 3.0 * spread
    cut = sum(missed(rng, method, whole=False) for _ in range(repetitions))
    assert cut >= 0.95 * repetitions  # 100 % when this was found


def test_a_curve_over_whole_documents_covers_although_lengths_and_losses_go_together() -> None:
    """Long documents are hard. At every N of the grid the bound is of E v_W; the number of
    documents is not chosen by their lengths."""
    rng = np.random.default_rng(5)
    low, high = loss_floor(VOCAB_SIZE, 0.5), loss_ceiling(VOCAB_SIZE, 0.5)
    hard, easy = low + 0.9 * (high - low), low + 0.1 * (high - low)
    repetitions, misses, wrong = 150, 0, 0
    spec = BoundSpec(n_tokens=(320, 960), topk_grid=(), sparsity_bins=0)
    for _ in range(repetitions):
        is_long = rng.random(60) < 0.5
        document = in_rounds(np.where(is_long, 4, 1).tolist())[:120]
        table = table_of(document, np.where(is_long[document], hard, easy), gap=0.0)
        sample = Sample.of(table, None)
        there = np.bincount(document, minlength=60)
        known = np.isin(document, np.flatnonzero(there == np.where(is_long, 4, 1)))
        others = table.take(known).by_unit("document").losses["model"]  # "drop who lacks a window"
        wrong += upper_mean(others, low, high, 0.05, "hoeffding") < (hard + easy) / 2
        for n_tokens in spec.n_tokens:
            units = sample.at(n_tokens).documents.by_unit("document")
            bound: Bound = holdout(
                units.losses["model"], size=units.size, method="betting", n_choices=2,
                vocab_size=VOCAB_SIZE, smoothing=0.5, failure_prob=0.05,
            )  # fmt: skip
            assert bound.is_certificate
            if bound.total < (hard + easy) / 2:
                misses += 1
                break
    assert wrong > 0.5 * repetitions
    assert misses <= 0.05 * repetitions + 3.0 * math.sqrt(repetitions * 0.05 * 0.95)


# --- in words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "per_document", "words"),
    [
        ("document", 4, "mean over documents of the mean loss over their first 4 windows (all, if "
         "fewer) of 128 tokens after a fresh BOS"),
        ("document", 1, "mean over documents of the mean loss over their first window of 128 "
         "tokens after a fresh BOS"),
        ("document", None, "mean over documents of the mean loss over those of their windows of "
         "128 tokens after a fresh BOS that the sample holds"),
        ("sequence", 2, "mean over windows (the first 2 windows of each document, 128 tokens after "
         "a fresh BOS) of the mean loss"),
        ("token", 1, "mean over predicted tokens (the first window of each document, 128 tokens "
         "after a fresh BOS) of the loss"),
    ],
)  # fmt: skip
def test_the_estimand_in_words(unit: str, per_document: int | None, words: str) -> None:
    windows = Windows(128, True, per_document)
    size = SampleSize(1280, 10, 10, unit, windows=windows)  # type: ignore[arg-type]
    assert mean_over_text("loss", size) == words
    untold = replace(size, windows=None)
    assert mean_over_text("loss", untold) in (
        "mean over documents of the mean loss", "mean over windows of the mean loss",
        "mean over predicted tokens of the loss",
    )  # fmt: skip
