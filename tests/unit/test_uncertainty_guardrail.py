"""The conformal threshold, what it promises, and the fixed rule beside it."""

import math
from fractions import Fraction

import numpy as np
import pytest
from crepes import ConformalRegressor
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger
from scipy.stats import beta

from semdim.errors import DataError
from semdim.uncertainty.conformal import (
    bootstrap_mean,
    conformal_threshold,
    document_rates,
    order_statistic,
    order_statistic_with_confidence,
    rate_given_calibration,
)
from semdim.uncertainty.fixed_rule import cantelli, fixed_rule
from semdim.uncertainty.rows import check_tokens


@pytest.mark.parametrize(
    ("n_calibration", "rate", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (99, 0.05, 95), (9, 0.1, 9), (199, 0.07, 186)],
)
def test_the_order_statistic_by_hand(n_calibration: int, rate: float, rank: int) -> None:
    assert order_statistic(n_calibration, rate) == rank


@given(n_calibration=st.integers(1, 2000), percent=st.integers(1, 999))
def test_the_order_statistic_is_exact(n_calibration: int, percent: int) -> None:
    rate = percent / 1000
    exact = math.ceil((n_calibration + 1) * (1 - Fraction(percent, 1000)))
    if exact > n_calibration:
        with pytest.raises(DataError, match="at least"):
            order_statistic(n_calibration, rate)
    else:
        assert order_statistic(n_calibration, rate) == exact


def test_too_few_documents_say_how_many_are_needed() -> None:
    with pytest.raises(DataError, match=r"^18 calibration documents .* at least 19 are needed"):
        conformal_threshold(np.arange(18.0), 0.05)
    conformal_threshold(np.arange(19.0), 0.05)
    with pytest.raises(DataError, match="at least 3 are needed"):
        order_statistic(2, 0.3)
    assert order_statistic(3, 0.3) == 3


@given(
    calibration=st.lists(st.integers(0, 200), min_size=10, max_size=80),
    rate=st.sampled_from([0.1, 0.2, 0.35]),
)
def test_the_threshold_agrees_with_numpys_inflated_quantile(
    calibration: list[int], rate: float
) -> None:
    values = np.array(calibration, dtype=float)
    level = float(Fraction(order_statistic(len(values), rate), len(values)))
    # Half a step down, so that rounding cannot lift the level past the order statistic.
    level -= 0.5 / len(values)
    expected = np.quantile(values, level, method="inverted_cdf")
    assert conformal_threshold(values, rate) == expected


@given(
    calibration=st.lists(st.integers(0, 200), min_size=20, max_size=90),
    rate=st.sampled_from([0.0625, 0.125, 0.25, 0.375]),
)
def test_the_threshold_agrees_with_crepes(calibration: list[int], rate: float) -> None:
    # Its interval around 0 is ± the same order statistic of |residuals|. The rates are binary
    # fractions, because it computes (n + 1)·a in floating point.
    values = np.array(calibration, dtype=float)
    interval = ConformalRegressor().fit(values).predict_int(np.zeros(1), confidence=1 - rate)
    assert conformal_threshold(values, rate) == interval[0, 1]


@given(calibration=st.lists(st.integers(0, 9), min_size=9, max_size=40), fresh=st.integers(0, 9))
def test_leaving_each_value_out_in_turn_flags_at_most_the_promised_share(
    calibration: list[int], fresh: int
) -> None:
    # Exchangeability in one line: of n + 1 values, at most a share a exceeds its own threshold.
    values = np.array([*calibration, fresh], dtype=float)
    flagged = [
        values[i] > conformal_threshold(np.delete(values, i), 0.1) for i in range(len(values))
    ]
    assert np.mean(flagged) <= 0.1


def test_the_rate_given_the_calibration_sample_is_a_beta_quantile() -> None:
    rng = np.random.default_rng(2)
    tails = []
    for _ in range(4000):  # uniform values: the true rate of a threshold is one minus itself
        tails.append(1 - conformal_threshold(rng.random(39), 0.1))
    limit = rate_given_calibration(39, 0.1, 0.95)
    assert limit > 0.1
    assert np.mean(np.array(tails) <= limit) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("n_calibration", "rate", "confidence", "rank"),
    [(181, 0.05, 0.95, 177), (121, 0.05, 0.95, 120), (59, 0.05, 0.95, 59), (93, 0.05, 0.95, 92)],
)
def test_the_order_statistic_for_one_calibration_sample_by_hand(
    n_calibration: int, rate: float, confidence: float, rank: int
) -> None:
    # The tables of Wilks: 59 values for the largest, 93 for the second largest.
    assert order_statistic_with_confidence(n_calibration, rate, confidence) == rank
    for other, is_enough in ((rank, True), (rank - 1, False)):
        tail = beta.cdf(rate, n_calibration + 1 - other, other)  # chance that the rate is kept
        assert (tail >= confidence) == is_enough


def test_too_few_documents_for_the_confidence_say_how_many_are_needed() -> None:
    with pytest.raises(DataError, match="at least 59 are needed"):
        order_statistic_with_confidence(58, 0.05, 0.95)


def test_the_order_statistic_with_confidence_holds_in_that_share_of_samples() -> None:
    rng = np.random.default_rng(3)
    n, rank = 100, order_statistic_with_confidence(100, 0.1, 0.9)
    tails = 1 - np.sort(rng.random((6000, n)), axis=1)[:, [rank - 1, rank - 2]]
    kept, one_less = (tails <= 0.1).mean(axis=0)
    assert kept >= 0.9 - 0.01 and one_less < 0.9 - 0.01


def test_document_rates_by_hand() -> None:
    flagged = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    rates = document_rates(flagged, np.array([7, 7, 3, 7, 8]))
    assert rates.tolist() == pytest.approx([1, 2 / 3, 0])


def test_the_bootstrap_of_a_mean_has_the_right_width() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    low, high = bootstrap_mean(values, 4000, 0.95, np.random.default_rng(1))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert low < values.mean() < high


def test_cantelli_on_the_papers_own_table() -> None:
    assert cantelli(69.96, 46.75, 500) == pytest.approx(0.011680, abs=1e-6)
    assert cantelli(58.19, 17.13, 500) == pytest.approx(0.001501, abs=1e-6)
    assert cantelli(500, 3, 500) == 1.0
    assert cantelli(60, 0, 500) == 0.0
    with pytest.raises(DataError):
        cantelli(60, float("nan"), 500)


@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=40), threshold=st.integers(1, 40))
def test_no_sample_exceeds_cantellis_bound(counts: list[int], threshold: int) -> None:
    values = np.array(counts, dtype=float)
    bound = cantelli(float(values.mean()), float(values.std()), threshold)
    assert (values >= threshold).mean() <= bound + 1e-12


def test_the_fixed_rule_by_hand() -> None:
    ledger = make_ledger(2, 2, 5).assign(n_active=10)  # sequences 0, 2 of document 0; 1, 3 of 1
    ledger.loc[ledger["position"] == 0, "n_active"] = 700
    ledger.loc[[2, 3, 11], "n_active"] = 501  # two in sequence 0, one in sequence 2
    ledger.loc[3, "is_outlier"] = True
    rule = fixed_rule({"english": check_tokens(ledger, "english")}, {"english": "id"}, 500)
    everything, apart = rule.corpora
    assert (everything.positions, apart.positions) == ("all", "without_bos")
    assert (everything.n_above, everything.n_outliers_above) == (7, 5)
    assert everything.sequence_rate == 1.0
    assert (apart.n_above, apart.n_outliers_above) == (3, 1)
    assert apart.token_rate == 3 / 16 <= apart.token_rate_bound
    assert apart.sequence_rate == 0.5  # both sequences of document 0, none of document 1
    assert apart.document_rate == 0.5 and everything.document_rate == 1.0
    assert apart.role == "id"
