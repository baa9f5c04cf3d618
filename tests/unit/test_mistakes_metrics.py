"""Metrics of selective prediction: against scikit-learn, brute force, and repeated rows."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from semdim.errors import DataError
from semdim.mistakes.grouping import groups_of
from semdim.mistakes.holm import holm, p_of_resamples
from semdim.mistakes.ranking import (
    aupr,
    aupr_of,
    auroc,
    auroc_of,
    auroc_within,
    resampled_counts,
)
from semdim.mistakes.reliability import reliability, resampled_ece
from semdim.mistakes.risk_coverage import (
    aurc,
    best_aurc,
    e_aurc,
    resampled_aurc,
    risk_coverage,
)


def in_every_order(score: np.ndarray, risk: np.ndarray) -> float:
    """AURC as it is defined, averaged over every order of the items that the score allows."""
    areas = []
    for order in itertools.permutations(range(len(score))):
        if any(score[a] > score[b] for a, b in itertools.pairwise(order)):
            continue
        kept = risk[list(order)]
        areas.append(np.mean([kept[: i + 1].mean() for i in range(len(kept))]))
    return float(np.mean(areas))


SMALL = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 5, width=32)), min_size=1, max_size=6
).map(lambda pairs: (np.array([s for s, _ in pairs], float), np.array([r for _, r in pairs])))


@given(SMALL)
def test_aurc_is_the_mean_over_every_order_of_ties(items) -> None:
    score, risk = items
    assert aurc(score, risk) == pytest.approx(in_every_order(score, risk), abs=1e-9)
    assert best_aurc(risk) == pytest.approx(in_every_order(risk, risk), abs=1e-9)
    assert e_aurc(score, risk) >= 0


def test_aurc_by_hand() -> None:
    score, risk = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 1.0])
    assert aurc(score, risk) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert best_aurc(risk) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert aurc(np.ones(4), risk) == pytest.approx(0.5)  # a score that says nothing: the mean risk
    assert aurc(-risk, risk) > aurc(risk, risk)


def test_the_curve_is_that_of_a_naive_loop() -> None:
    rng = np.random.default_rng(0)
    score, risk = rng.integers(0, 30, 200).astype(float), rng.random(200)
    curve = risk_coverage(score, risk)
    for coverage, value, threshold in zip(curve.coverage, curve.risk, curve.threshold, strict=True):
        kept = risk[score <= threshold]
        assert coverage == pytest.approx(len(kept) / 200)
        assert value == pytest.approx(kept.mean())
    thin = curve.thinned(5)
    assert len(thin.coverage) <= 5 and thin.coverage[-1] == 1.0
    assert set(thin.threshold) <= set(curve.threshold)


def test_ranking_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for ties in (3, 1000):
        score = rng.integers(0, ties, 300).astype(float)
        wrong = rng.random(300) < 0.3 + 0.4 * score / ties
        assert auroc(score, wrong) == pytest.approx(roc_auc_score(wrong, score))
        assert aupr(score, wrong) == pytest.approx(average_precision_score(wrong, score))


def test_within_documents_only_pairs_of_one_document_count() -> None:
    rng = np.random.default_rng(2)
    document = np.repeat([7, 3, 11], [40, 30, 5])
    rng.shuffle(document)
    score = rng.integers(0, 9, 75).astype(float) + 100.0 * document  # documents apart
    wrong = rng.random(75) < 0.5
    won, pairs = auroc_within(score, wrong, document)
    naive_won = naive_pairs = 0.0
    for i, j in itertools.product(range(75), range(75)):
        if document[i] == document[j] and wrong[i] and not wrong[j]:
            naive_pairs += 1
            naive_won += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
    assert (won.sum(), pairs.sum()) == pytest.approx((naive_won, naive_pairs))
    assert len(won) == 3


def test_a_resample_is_the_rows_repeated() -> None:
    rng = np.random.default_rng(3)
    document = rng.integers(0, 6, 120)
    score, risk = rng.integers(0, 15, 120).astype(float), rng.random(120)
    wrong, confidence = rng.random(120) < 0.4, rng.random(120)
    drawn = np.array([[1, 1, 1, 1, 1, 1], [0, 3, 1, 0, 1, 1]])
    groups = groups_of(score, document)
    counts = resampled_counts(groups, wrong, drawn)
    found = resampled_aurc(groups, risk, drawn), auroc_of(*counts), aupr_of(*counts)
    ece = resampled_ece(confidence, wrong, document, drawn)
    for index, times in enumerate(drawn):
        rows = np.repeat(np.arange(120), times[document])
        expected = (
            aurc(score[rows], risk[rows]),
            roc_auc_score(wrong[rows], score[rows]),
            average_precision_score(wrong[rows], score[rows]),
        )
        assert [values[index] for values in found] == pytest.approx(expected)
        assert ece[index] == pytest.approx(reliability(confidence[rows], wrong[rows]).ece)


def test_merged_groups_hardly_move_the_area() -> None:
    rng = np.random.default_rng(4)
    score = rng.normal(size=20_000)
    risk = (rng.random(20_000) < 1 / (1 + np.exp(-score))).astype(float)
    merged = groups_of(score, most_groups=256)
    assert merged.n_groups <= 256
    once = np.ones((1, 1), dtype=np.int64)
    assert resampled_aurc(merged, risk, once)[0] == pytest.approx(aurc(score, risk), abs=2e-3)


def test_calibration_is_that_of_a_naive_loop() -> None:
    rng = np.random.default_rng(5)
    confidence = np.append(rng.random(500), [0.0, 1.0])
    right = rng.random(502) < confidence**2
    found = reliability(confidence, right, 10)
    total = 0.0
    for index in range(10):
        last = index == 9
        inside = (confidence >= index / 10) & ((confidence < (index + 1) / 10) | last)
        total += inside.sum() * abs(right[inside].mean() - confidence[inside].mean())
    assert found.ece == pytest.approx(total / 502)
    assert found.count.sum() == 502
    calibrated = reliability(np.full(4, 0.75), np.array([1, 1, 1, 0]))
    assert calibrated.ece == pytest.approx(0.0)


def test_holm_by_hand() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, np.nan, 0.06, 0.06, 0.02], nan_ok=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert len(holm(np.array([]))) == 0


def test_holm_keeps_the_chance_of_any_false_rejection() -> None:
    rng = np.random.default_rng(6)
    false = sum((holm(rng.random(8)) <= 0.05).any() for _ in range(2000))
    assert false <= 100 + 3 * np.sqrt(2000 * 0.05 * 0.95)


def test_a_p_value_of_resamples_is_that_of_a_normal_test() -> None:
    resampled = np.random.default_rng(7).normal(0.6, 0.05, 100_000)
    assert p_of_resamples(0.598, 0.5, resampled) == pytest.approx(0.05, abs=2e-3)
    assert np.isnan(p_of_resamples(0.6, 0.5, np.full(10, 0.6)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: aurc(np.array([1.0, np.nan]), np.ones(2)), "NaN or infinite"),
        (lambda: aurc(np.ones(2), np.array([1.0, np.inf])), "NaN or infinite"),
        (lambda: aurc(np.array([]), np.array([])), "no items"),
        (lambda: auroc(np.ones(3), np.zeros(3, bool)), "0 of 3 items are wrong"),
        (lambda: aupr(np.ones(3), np.ones(3, bool)), "3 of 3 items are wrong"),
        (lambda: reliability(np.array([1.5]), np.ones(1)), "outside"),
        (lambda: reliability(np.array([]), np.array([])), "no items"),
    ],
)
def test_what_cannot_be_ranked_is_said(call, words: str) -> None:
    with pytest.raises(DataError, match=words):
        call()
