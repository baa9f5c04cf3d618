"""The study of errors on synthetic ledgers: what is planted is found, and what is not is not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.errors import DataError
from semdim.mistakes.items import TOP1
from semdim.mistakes.learnt import LEARNT
from semdim.mistakes.spec import ErrorsSpec
from semdim.mistakes.study import TABLES, ErrorsResult, Settings, measure_errors
from semdim.records import read_record
from semdim.report.readings.knows_errors import knows_errors
from semdim.results.read import read_probe
from semdim.results.risk_thresholds import RiskThresholds
from semdim.uncertainty.score import SCORES, Score, add_score

SPEC = ErrorsSpec(
    n_resamples=60,
    k_bins=4,
    curve_points=12,
    n_thresholds=8,
    position_bins=2,
    frequency_bins=2,
    monitor_score="n_active",
)
SETTINGS = Settings(
    fit_share=0.5, choice_share=0.3, false_alarm_rate=0.1, smoothing=0.5, seed=0
)  # fmt: skip
ROLES = {"english": "id", "random": "far"}


def run(
    ledger: pd.DataFrame, spec: ErrorsSpec = SPEC, settings: Settings = SETTINGS
) -> ErrorsResult:
    other = make_ledger(20, 1, shift=20, seed=9)
    return measure_errors(
        {"english": ledger, "random": other}, ROLES, spec, settings, vocab_size=VOCAB_SIZE
    )


#: For tests of what is said and left out, which need no power.
FEW = 60


def planted(n_documents: int = 120, seed: int = 1, strength: float = 0.3) -> pd.DataFrame:
    """A ledger whose errors depend on k, and not on entropy, frequency or position."""
    ledger = make_ledger(n_documents, 2, 12, seed=seed)
    rng = np.random.default_rng(seed)
    logit = strength * (ledger["n_active"].clip(upper=60) - 30)
    wrong = (rng.random(len(ledger)) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    there = ledger["nll_model"].notna()
    ledger.loc[there, "top1_error"] = wrong[there]
    nll = (1 + 3 * wrong + rng.exponential(0.5, len(ledger))).astype(np.float32)
    ledger.loc[there, "nll_model"] = nll[there]
    return ledger


@pytest.fixture(scope="module")
def found() -> ErrorsResult:
    return run(planted())


def row(found: ErrorsResult, score: str, outcome: str = TOP1, direction: str = "expected"):
    table = found.tables["errors"]
    (index,) = table.index[
        (table["score"] == score)
        & (table["outcome"] == outcome)
        & (table["direction"] == direction)
    ]
    return table.loc[index]


def test_what_is_planted_is_found(found: ErrorsResult) -> None:
    top1, nll = found.record.verdicts
    assert (top1.outcome, nll.outcome) == ("top1_error", "nll")
    for verdict in (top1, nll):
        assert verdict.direction == "more" and verdict.gain_low > 0 and verdict.partial_low > 0
        assert verdict.partial_p is not None and verdict.partial_p < 0.01
        assert verdict.best in ("n_active", "n_active_adjusted", "code_norm")
    k, entropy = row(found, "n_active"), row(found, "entropy")
    assert k["auroc"] > 0.75 > entropy["auroc"]
    assert k["auroc_low"] < k["auroc"] < k["auroc_high"]
    assert k["aurc"] < entropy["aurc"] and k["e_aurc"] > 0
    assert row(found, "oracle")["e_aurc"] == pytest.approx(0.0, abs=1e-9)
    assert entropy["partial_p_holm"] > 0.05 > k["partial_p_holm"]


def test_errors_rise_with_k_and_adjusting_does_not_hide_it(found: ErrorsResult) -> None:
    bins = found.tables["errors_by_k"]
    for name in ("top1_error", "adjusted_top1_error", "nll", "adjusted_nll"):
        assert bins[name].is_monotonic_increasing
        assert (bins[f"{name}_low"] <= bins[name]).all()
    assert bins["n_tokens"].sum() == found.record.n_tokens
    np.testing.assert_allclose(bins["accuracy"], 1 - bins["top1_error"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shuffled_labels_teach_nothing(seed: int) -> None:
    """No token that is reported enters a fit: with labels in random order every supervised score,
    and every direction that was learnt, is a coin toss."""
    ledger = planted(seed=seed)
    there = np.flatnonzero(ledger["nll_model"].notna())
    mixed = np.random.default_rng(seed).permutation(there)
    for name in ("nll_model", "top1_error"):
        ledger.loc[there, name] = ledger[name].to_numpy()[mixed]
    spec = ErrorsSpec(n_resamples=200, confidence=0.99, target_shares=())
    table = run(ledger, spec).tables["errors"]
    mine = table[(table["outcome"] == TOP1) & (table["direction"] != "expected")]
    assert set(LEARNT) < set(mine["score"])
    assert ((mine["auroc_low"] <= 0.5) & (mine["auroc_high"] >= 0.5)).all()
    losses = table[(table["outcome"] == "nll") & (table["direction"] != "expected")]
    assert ((losses["spearman_low"] <= 0) & (losses["spearman_high"] >= 0)).all()


def test_certified_risks_hold_on_what_was_planted(found: ErrorsResult) -> None:
    table = found.tables["selective_risk"]
    mine = table[(table["outcome"] == TOP1) & (table["score"] == "n_active")]
    assert mine["is_certified"].any() and (mine["direction"] == "expected").all()
    certified = mine[mine["is_certified"]]
    assert (certified["measured_risk"] < certified["target_risk"]).all()
    assert (certified["coverage"] < certified["measured_coverage"]).all()
    assert mine["failure_prob"].sum() == pytest.approx(SPEC.failure_prob)


def test_thresholds_for_a_monitor_are_those_of_the_table(found: ErrorsResult) -> None:
    """Of the score that was named beforehand; on other corpora nothing is promised, so what the
    thresholds do there is measured."""
    file, table = found.thresholds, found.tables["selective_risk"]
    assert (file.score, file.corpus, file.sequences_per_document) == ("n_active", "english", 2)
    assert [curve.outcome for curve in file.curves] == ["top1_error", "loss"]
    other = make_ledger(20, 1, shift=20, seed=9)
    rows = other[~other["is_bos"] & (other["position"] > 0) & other["nll_model"].notna()]
    n_certified = 0
    for curve in file.curves:
        mine = table[(table["outcome"] == curve.outcome) & (table["score"] == "n_active")]
        assert curve.failure_prob == pytest.approx(mine["failure_prob"].sum())
        assert curve.n_tokens == found.record.n_tokens
        for point, (_, line) in zip(curve.points, mine.iterrows(), strict=True):
            assert point.target_risk == line["target_risk"]
            assert point.coverage == line["coverage"]
            if point.threshold is None:
                assert np.isnan(line["threshold"]) and not point.elsewhere
                continue
            n_certified += 1
            assert point.threshold == line["threshold"]
            there = point.elsewhere["random"]
            kept = rows["n_active"] <= point.threshold
            shares = kept.groupby(rows["document"]).mean()
            assert there.coverage == pytest.approx(shares.mean())
            assert there.n_tokens == len(rows) and there.role == "far"
            if curve.outcome == "top1_error" and there.risk is not None:
                wrong = (kept * rows["top1_error"]).groupby(rows["document"]).mean()
                assert there.risk == pytest.approx(wrong.mean() / shares.mean())
    assert n_certified > 3


def test_what_is_written_is_read(found: ErrorsResult, tmp_path: Path) -> None:
    found.write(tmp_path)
    probe = read_probe(tmp_path)
    assert probe.errors == found.record
    assert read_record(tmp_path / "risk_thresholds.json", RiskThresholds) == found.thresholds
    for name in TABLES:
        assert len(probe.table(name)) == len(found.tables[name]) > 0


def test_a_ledger_without_the_column_is_measured_by_the_loss() -> None:
    found = run(planted(FEW).drop(columns="top1_error"))
    assert [verdict.outcome for verdict in found.record.verdicts] == ["nll"]
    assert any("no column top1_error" in note for note in found.record.notes)
    assert found.tables["reliability"].empty
    assert set(found.tables["selective_risk"]["outcome"]) == {"loss"}


def test_a_model_that_is_always_wrong_is_measured_by_the_loss(tmp_path: Path) -> None:
    ledger = planted(FEW)
    ledger["top1_error"] = np.where(ledger["nll_model"].notna(), np.float32(1), np.nan)
    found = run(ledger)
    assert [verdict.outcome for verdict in found.record.verdicts] == ["nll"]
    assert any("nowhere" in note for note in found.record.notes)
    found.write(tmp_path)


def test_documents_that_are_right_or_wrong_throughout_have_no_auroc_inside(tmp_path: Path) -> None:
    ledger = planted(FEW)
    is_wrong = (ledger["document"] % 3 > 0).astype(np.float32)
    ledger["top1_error"] = is_wrong.where(ledger["nll_model"].notna())
    found = run(ledger)
    assert found.record.verdicts[0].within is None
    found.write(tmp_path)
    (said, *_) = knows_errors([read_probe(tmp_path)])
    assert "within documents" not in said and "AUROC" in said


def test_a_constant_k_is_said(tmp_path: Path) -> None:
    found = run(make_ledger(60, 2, 12, constant=32))
    assert not found.record.verdicts and not found.record.variance
    assert any("same at every token" in note for note in found.record.notes)
    found.write(tmp_path)


def test_too_few_documents_and_missing_losses_are_said() -> None:
    with pytest.raises(DataError, match="3 documents"):
        run(make_ledger(3, 2, 12))
    broken = planted()
    broken.loc[5, "nll_model"] = np.nan
    with pytest.raises(DataError, match=r"1 of .* values of 'nll'"):
        run(broken)


def test_a_score_that_fails_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin's division by zero once took the whole study with it."""
    monkeypatch.setattr(SCORES, "_entries", {name: SCORES[name] for name in SCORES})

    def divides(rows: pd.DataFrame, _: object) -> np.ndarray:
        raise ZeroDivisionError("no use")

    def holes(rows: pd.DataFrame, _: object) -> np.ndarray:
        return np.where(rows["position"] == 3, np.nan, 1.0)

    for name, value in {"divides": divides, "holes": holes}.items():
        add_score(
            Score(name=name, meaning="x", family="code", reads=("n_active",), value=value)
        )  # fmt: skip
    found = run(planted(FEW))
    notes = " ".join(found.record.notes)
    assert "The score divides is left out: it failed with ZeroDivisionError: no use" in notes
    assert "The score holes is left out: " in notes and "values of 'holes'" in notes
    assert not {"divides", "holes"} & set(found.tables["errors"]["score"])
    assert "n_active" in set(found.tables["errors"]["score"])
