"""Family 4, and the typed result it returns."""

import json

import numpy as np
import pytest

from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.families.holdout import holdout, holdout_from_mean
from semdim.bounds.result import Bound, SampleSize
from semdim.errors import ConfigError, DataError

LOSSES = np.tile([5.0, 6.0, 7.0, 8.0], 50)
SIZE = SampleSize(25_600, 200, 200, "document")
SETTING = {"size": SIZE, "vocab_size": 50257, "smoothing": 0.5, "failure_prob": 0.05}


def test_golden_values() -> None:
    assert holdout(LOSSES, **SETTING).total == pytest.approx(7.851515, abs=6e-7)
    second = holdout(LOSSES, method="maurer_pontil", **SETTING).total
    assert second == pytest.approx(7.390762, abs=6e-7)
    former = holdout(LOSSES, method="betting", bet_cap=0.75, **SETTING).total
    assert former == pytest.approx(6.745865, abs=1e-6)
    assert holdout(LOSSES, method="betting", **SETTING).total == pytest.approx(6.714497, abs=1e-6)


@pytest.mark.parametrize("cap", [0.0, 1.0, -0.5])
def test_a_bet_may_not_lose_everything(cap: float) -> None:
    for method in ("betting", "betting_sequence"):
        with pytest.raises(ConfigError, match="bet_cap must lie strictly between 0 and 1"):
            holdout(LOSSES, method=method, bet_cap=cap, **SETTING)


def test_golden_value_from_the_mean() -> None:
    size = SampleSize(1_280_000, 10_000, 10_000, "sequence")
    bound = holdout_from_mean(7.1648260063, **(SETTING | {"size": size}))
    assert bound.total == pytest.approx(7.355959121, abs=6e-10)
    assert bound.is_certificate


def test_predeclared_points_share_the_failure_probability() -> None:
    bound = holdout(LOSSES, n_choices=8, **SETTING)
    assert bound.budget.spent == pytest.approx(0.05 / 8)
    assert "1 of 8 predeclared points" in bound.budget.shares[0].name
    assert bound.total == pytest.approx(
        holdout(LOSSES, **(SETTING | {"failure_prob": 0.05 / 8})).total
    )


def test_a_unit_that_cannot_be_independent_is_no_certificate() -> None:
    tokens = SampleSize(200, 4, 2, "token")
    sequences = SampleSize(25_600, 200, 100, "sequence")
    for size in (tokens, sequences):
        assert not holdout(LOSSES, **(SETTING | {"size": size})).is_certificate
    with pytest.raises(ConfigError, match="not a certificate with the unit"):
        bound = holdout(LOSSES, **(SETTING | {"size": sequences}))
        Bound(**{**bound.__dict__, "is_certificate": True})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.append(LOSSES[:-1], np.nan), "NaN"),
        (np.append(LOSSES[:-1], 16.7), "reaches from"),
        (np.append(LOSSES[:-1], 0.9), "reaches from"),
        (LOSSES[:-1], "199 values for 200 documents"),
        (LOSSES.reshape(2, 100), "values for 200"),
    ],
)
def test_bad_losses_are_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        holdout(values, **SETTING)


def test_rounding_is_allowed_and_nothing_more() -> None:
    at_ceiling = np.append(LOSSES[:-1], 16.617037)  # 3e-7 above the ceiling
    assert holdout(at_ceiling, **SETTING).total > 0
    with pytest.raises(DataError):
        holdout(np.append(LOSSES[:-1], 16.61705), **SETTING)


def test_one_value_has_no_variance() -> None:
    one = SampleSize(128, 1, 1, "document")
    assert holdout(LOSSES[:1], **(SETTING | {"size": one})).total > 16
    with pytest.raises(DataError, match="at least 2"):
        holdout(LOSSES[:1], method="maurer_pontil", **(SETTING | {"size": one}))


def test_an_overspent_ledger_is_refused_for_a_certificate() -> None:
    bound = holdout(LOSSES, **SETTING)
    ledger = Budget(0.05, (FailureShare("a", 0.04), FailureShare("b", 0.02)))
    with pytest.raises(ConfigError, match="not a certificate"):
        Bound(**{**bound.__dict__, "budget": ledger})


def test_row_and_dictionary_hold_the_terms() -> None:
    bound = holdout(LOSSES, **SETTING)
    row = bound.to_row()
    assert ",".join(list(row)[:18]) == (
        "family,is_certificate,unit,n_tokens,n_tokens_asked,n_sequences,n_documents,"
        "windows_per_document,k,smoothing,failure_prob,"
        "proxy_risk,gap,complexity,tail,gap_tail,total,baseline"
    )
    assert row["gap"] is None and row["total"] == bound.total and row["unit"] == "document"
    content = json.loads(json.dumps(bound.to_dict(), allow_nan=False))
    assert content["total"] == bound.total
    assert content["budget"]["shares"][0]["share"] == 0.05
