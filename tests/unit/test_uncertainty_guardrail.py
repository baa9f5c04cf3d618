"""The conformal threshold, what it promises, and the fixed rule beside it."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from crepes import ConformalRegressor
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import DataError
from semdim.uncertainty.alarm import calibrate, calibrated_alarm
from semdim.uncertainty.conformal import (
    bootstrap_mean,
    conformal_threshold,
    document_rates,
    draw_one_per_document,
    order_statistic,
    rate_given_calibration,
)
from semdim.uncertainty.fixed_rule import cantelli, fixed_rule
from semdim.uncertainty.rows import check_tokens, generator, sequence_n_active, split_documents
from semdim.uncertainty.spec import UncertaintySpec

SPEC = UncertaintySpec(n_splits=30, n_resamples=50, window=4)


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


def sequences_of(levels: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    document = np.repeat(np.arange(len(levels)), sizes)
    return pd.DataFrame(
        {"document": document, "max_n_active": levels[document] + rng.normal(0, 0.3, len(document))}
    )


def test_the_promise_holds_for_fresh_documents_and_is_not_loose() -> None:
    # Long documents are calm (mean 0), short ones are not (mean 3): pooling all sequences would
    # give long documents 8 times the say and flag far more fresh documents than promised.
    rng = np.random.default_rng(5)
    ours, pooled = [], []
    for _ in range(1500):
        is_short = rng.random(59 + 20) < 0.3
        levels = np.where(is_short, 3.0, 0.0) + rng.normal(0, 1, 79)
        sizes = np.where(is_short, 1, 8)
        calibration = sequences_of(levels[:59], sizes[:59], rng)
        fresh = levels[59:] + rng.normal(0, 0.3, 20)
        threshold, n_calibration = calibrate(calibration, "max_n_active", 0.1, rng)
        assert n_calibration == 59
        ours.append((fresh > threshold).mean())
        pooled_threshold = conformal_threshold(calibration["max_n_active"].to_numpy(), 0.1)
        pooled.append((fresh > pooled_threshold).mean())
    # Without ties the rate is exactly (n + 1 − r) / (n + 1) = 6 / 60; one rank more or less would
    # be 0.083 or 0.117, and the standard error is about 0.002.
    assert np.mean(ours) == pytest.approx(0.1, abs=0.007)
    assert np.mean(pooled) > 0.2


def test_the_rate_given_the_calibration_sample_is_a_beta_quantile() -> None:
    rng = np.random.default_rng(2)
    tails = []
    for _ in range(4000):  # uniform values: the true rate of a threshold is one minus itself
        tails.append(1 - conformal_threshold(rng.random(39), 0.1))
    limit = rate_given_calibration(39, 0.1, 0.95)
    assert limit > 0.1
    assert np.mean(np.array(tails) <= limit) == pytest.approx(0.95, abs=0.012)


def test_one_sequence_of_each_document_is_drawn_with_equal_chance() -> None:
    document = np.array([4, 2, 4, 2, 4, 9])
    rng = np.random.default_rng(0)
    drawn = np.array([draw_one_per_document(document, rng) for _ in range(3000)])
    assert (document[drawn] == [2, 4, 9]).all()
    share = np.bincount(drawn.ravel(), minlength=6) / 3000
    assert share == pytest.approx([1 / 3, 1 / 2, 1 / 3, 1 / 2, 1 / 3, 1], abs=0.04)


def test_document_rates_by_hand() -> None:
    flagged = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    rates = document_rates(flagged, np.array([7, 7, 3, 7, 8]))
    assert rates.tolist() == pytest.approx([1, 2 / 3, 0])


def test_the_bootstrap_of_a_mean_has_the_right_width() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    low, high = bootstrap_mean(values, 4000, 0.95, np.random.default_rng(1))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert low < values.mean() < high


def study_sequences(n_documents: int, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    ledger = make_ledger(n_documents, 2, 12, shift=shift, seed=seed)
    return sequence_n_active(ledger, window=4).assign(origin=-1)


def test_false_alarms_on_held_out_text_are_what_was_promised() -> None:
    sequences = study_sequences(3000)
    split = split_documents(sequences["document"].to_numpy(), 0.5, generator(0, "split"))
    far = study_sequences(100, shift=30, seed=1)
    same = study_sequences(1000, seed=2)
    for statistic in ("max_n_active", "window_n_active"):
        alarm = calibrated_alarm(sequences, {"far": far, "same": same}, split, statistic, SPEC, 0)
        assert alarm.n_calibration == 1500
        # 1500 + 1500 documents: standard error 0.008; whole counts leave some slack below.
        assert 0.015 <= alarm.measured_false_alarm_rate <= 0.05 + 0.024
        assert alarm.stability.false_alarm_rate.mean <= 0.05 + 0.01
        assert alarm.detection_rate["same"] <= 0.05 + 0.03  # an equal corpus is not detected
        assert alarm.detection_rate["far"] >= 0.99
        assert alarm.false_alarms.low <= alarm.measured_false_alarm_rate
        assert alarm.false_alarm_rate < alarm.false_alarm_rate_given_calibration < 0.07
        assert alarm.false_alarms.n_documents == 1500
        assert alarm.stability.n_splits == 30


def test_the_whole_guardrail_keeps_its_promise_on_text_it_never_saw() -> None:
    # 39 calibration documents of 78, of uneven length and level: the alarm's exact rate on a new
    # document is 2 / 40 = 0.05. One order statistic more or less would be 0.025 or 0.075, and
    # measuring on the calibration documents 1 / 39 = 0.026. Over 300 corpora with 39 held-out and
    # 40 fresh documents each the standard error is about 0.003.
    spec = replace(SPEC, n_splits=2, n_resamples=20)
    rng = np.random.default_rng(12)
    measured, fresh = [], []
    for repetition in range(300):
        sizes = rng.integers(1, 5, 78)
        levels = rng.normal(0, 1, 78 + 40) + np.append(np.where(sizes < 2, 2.0, 0.0), [0.0] * 40)
        levels[78:] += np.where(rng.integers(1, 5, 40) < 2, 2.0, 0.0)
        text = sequences_of(levels[:78], sizes, rng).assign(window_n_active=0.0)
        more = sequences_of(levels[78:], np.ones(40, dtype=int), rng)
        split = split_documents(np.arange(78), 0.5, generator(repetition, "split"))
        shifts = {"fresh": more.assign(window_n_active=0.0, origin=-1)}
        alarm = calibrated_alarm(text, shifts, split, "max_n_active", spec, repetition)
        assert alarm.n_calibration == 39
        measured.append(alarm.measured_false_alarm_rate)
        fresh.append(alarm.detection_rate["fresh"])
    for rate in (np.mean(measured), np.mean(fresh)):
        assert rate <= 0.05 + 0.01
        assert rate >= 0.05 - 0.01


def test_fresh_splits_are_measured_on_the_documents_they_hold_out() -> None:
    # The threshold is the largest of 30 calibration values: on those there is never an alarm, on
    # the other 30 of 60 distinct values there is one in 31 on average.
    sequences = pd.DataFrame(
        {"document": np.arange(60), "max_n_active": np.arange(60.0), "window_n_active": 0.0}
    )
    split = split_documents(np.arange(60), 0.5, generator(0, "split"))
    spec = replace(SPEC, n_splits=800)
    spread = calibrated_alarm(sequences, {}, split, "max_n_active", spec, 0).stability
    assert spread.false_alarm_rate.mean == pytest.approx(1 / 31, abs=0.006)


def test_the_alarm_is_strictly_above_the_threshold() -> None:
    constant = pd.DataFrame(
        {"document": np.arange(60), "max_n_active": 60.0, "window_n_active": 60.0, "origin": -1}
    )
    split = split_documents(np.arange(60), 0.5, generator(0, "split"))
    alarm = calibrated_alarm(constant, {"x": constant}, split, "max_n_active", SPEC, 0)
    assert alarm.threshold == 60.0
    assert alarm.measured_false_alarm_rate == alarm.detection_rate["x"] == 0.0


def test_copies_of_calibration_documents_are_not_detected_on() -> None:
    sequences = study_sequences(60)
    split = split_documents(sequences["document"].to_numpy(), 0.5, generator(0, "split"))
    copies = sequences.assign(origin=sequences["document"], max_n_active=999.0)
    spared = copies["document"].isin(split.evaluation)
    copies.loc[spared, "max_n_active"] = 0.0
    alarm = calibrated_alarm(sequences, {"near": copies}, split, "max_n_active", SPEC, 0)
    assert alarm.detection_rate["near"] == 0.0
    assert alarm.detection["near"].n_documents == 30


def test_too_few_documents_for_the_rate_are_refused() -> None:
    sequences = study_sequences(36)
    split = split_documents(sequences["document"].to_numpy(), 0.5, generator(0, "split"))
    with pytest.raises(DataError, match="18 calibration documents"):
        calibrated_alarm(sequences, {}, split, "max_n_active", SPEC, 0)
    lenient = replace(SPEC, false_alarm_rate=0.06)
    assert calibrated_alarm(sequences, {}, split, "max_n_active", lenient, 0).n_calibration == 18


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
    assert apart.role == "id"
