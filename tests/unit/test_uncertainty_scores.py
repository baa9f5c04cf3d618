"""The registry's values by hand, their sign, and their levels."""

import numpy as np
import pandas as pd
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger

from semdim.errors import ConfigError, DataError
from semdim.tokens.positions import counted
from semdim.uncertainty.activation_scores import COLUMNS as FITTED
from semdim.uncertainty.rows import check_tokens
from semdim.uncertainty.score import (
    SCORES,
    Score,
    add_score,
    all_scores,
    both_sides,
    check_scores,
    column,
    in_order,
    missing_columns,
    two_sided,
)
from semdim.uncertainty.scores.n_active_adjusted import Expected, fit
from semdim.uncertainty.scores.unigram_nll import unigram_bits
from semdim.uncertainty.values import (
    ScoreValues,
    at_level,
    distance_to,
    score_values,
    token_grid,
)

LEDGER_SCORES = tuple(score for score in SCORES.values() if score.name not in FITTED)
BITS = np.log2(np.arange(1.0, VOCAB_SIZE + 1))
COLUMNS = {column for score in LEDGER_SCORES for column in score.reads}


EXPECTED = Expected(
    mean=1.0,
    position=np.array([0.5, 0.0]),
    edges=np.array([]),
    bits=BITS,
    token=np.zeros(VOCAB_SIZE),
)


def known(score: str) -> np.ndarray | Expected | None:
    """What a score is told of the ID corpus."""
    return {"unigram_nll": BITS, "n_active_adjusted": EXPECTED}.get(score)


def rows_of(ledger: pd.DataFrame) -> pd.DataFrame:
    return counted(check_tokens(ledger, "x", COLUMNS))


def test_unigram_bits_by_hand() -> None:
    bits = unigram_bits(np.array([0, 0, 0, 2]), vocab_size=4)
    # (3 + 1, 0 + 1, 1 + 1, 0 + 1) of 4 + 4
    assert bits.tolist() == [1.0, 3.0, 2.0, 3.0]
    assert (2.0**-bits).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("token_id", [[-1, 2], [0, 4]])
def test_a_token_outside_the_vocabulary_is_refused(token_id: list[int]) -> None:
    with pytest.raises(DataError, match="4 tokens"):
        unigram_bits(np.array(token_id), vocab_size=4)
    rows = pd.DataFrame({"token_id": token_id, "is_last": False, "document": 0})
    with pytest.raises(DataError, match="4 tokens"):
        score_values(SCORES["unigram_nll"], rows, np.ones(4), "x")


def test_token_values_by_hand() -> None:
    ledger = make_ledger(1, 1, 4).assign(
        n_active=[500, 3, 4, 5],
        token_id=[0, 1, 3, 7],
        max_prob=np.float32([0.5, 0.25, 0.75, np.nan]),
        energy=np.float32([0, -9.0, -8.0, np.nan]),
        entropy=np.float32([0, 1.5, 2.5, np.nan]),
        nll_model=np.float32([0, 6.0, 7.0, np.nan]),
        reconstruction_error=np.float32([1, 2, 3, 4]),
        centred_norm=np.float32([9, 4, 6, 4]),
        activation_norm=np.float32([99, 5, 6, 7]),
    )
    rows = rows_of(ledger)
    expected = {
        "n_active": [3, 4, 5],
        "n_active_adjusted": np.log2([4, 5, 6]) - [1.5, 1.0, 1.0],
        "unexplained_share": [0.25, 0.25, 1.0],
        "activation_norm": [5, 6, 7],
        "one_minus_max_prob": [0.75, 0.25],
        "entropy": [1.5, 2.5],
        "energy": [-9, -8],
        "unigram_nll": [1, 2, 3],
        "nll": [6, 7],
    }
    assert set(expected) == {score.name for score in LEDGER_SCORES}
    for name, values in expected.items():
        for score in (SCORES[name], two_sided(SCORES[name])):  # centred later
            got = score_values(score, rows, known(name), "x").value
            assert got.tolist() == pytest.approx(values), name


def test_adjusted_k_is_free_of_token_and_position() -> None:
    """On familiar text k depends here on the token and its position alone, and on chance."""
    rng = np.random.default_rng(0)
    n_rows = 40_000
    rows = pd.DataFrame(
        {
            "token_id": np.minimum(rng.geometric(0.15, n_rows), VOCAB_SIZE - 1),
            "position": rng.integers(1, 128, n_rows),
        }
    )
    chance = rng.normal(0, 0.3, n_rows)
    expected = 3 + 0.2 * np.log2(rows["position"]) + 0.1 * rows["token_id"]
    rows["n_active"] = np.round(2 ** (expected + chance)).astype(int)
    half = rows.iloc[: n_rows // 2], rows.iloc[n_rows // 2 :]
    adjusted = SCORES["n_active_adjusted"].value(half[1], fit(half[0], VOCAB_SIZE))
    raw = half[1]["n_active"].to_numpy()
    for name in ("token_id", "position"):
        control = half[1][name].to_numpy()
        assert abs(np.corrcoef(adjusted, control)[0, 1]) < 0.1  # rare tokens are shrunk
        assert np.corrcoef(raw, control)[0, 1] > 0.15
    assert np.corrcoef(adjusted, chance[n_rows // 2 :])[0, 1] > 0.9
    # A token and a position that were never seen have their neighbours' effects.
    new = pd.DataFrame({"token_id": [0], "position": [100_000], "n_active": [40]})
    assert np.isfinite(SCORES["n_active_adjusted"].value(new, fit(half[0], VOCAB_SIZE))).all()


def test_only_the_loss_looks_at_the_label() -> None:
    assert [score.name for score in LEDGER_SCORES if score.uses_labels] == ["nll"]


def test_levels_by_hand() -> None:
    ledger = make_ledger(2, 1, 4).assign(
        n_active=[500, 3, 4, 8, 500, 1, 1, 1],
        nll_model=np.float32([0, 2, 6, np.nan, 0, 1, 2, np.nan]),
    )
    rows = rows_of(ledger)
    level = {
        (name, level): at_level(token_grid(SCORES[name], rows, None, "x"), level)
        for name in ("n_active", "nll")
        for level in ("token", "sequence_mean", "sequence_max")
    }
    assert level["n_active", "token"].value.tolist() == [3, 4, 8, 1, 1, 1]
    assert level["n_active", "token"].document.tolist() == [0, 0, 0, 1, 1, 1]
    assert level["n_active", "sequence_mean"].value.tolist() == [5, 1]
    assert level["n_active", "sequence_max"].value.tolist() == [8, 1]
    assert level["nll", "token"].value.tolist() == [2, 6, 1, 2]
    assert level["nll", "sequence_mean"].value.tolist() == [4, 1.5]
    assert level["nll", "sequence_mean"].document.tolist() == [0, 1]


def test_sequence_values_agree_with_pandas() -> None:
    rows = rows_of(make_ledger(7, 3, 10))
    grouped = rows.groupby("sequence")["entropy"]
    for level, expected in (("sequence_mean", grouped.mean()), ("sequence_max", grouped.max())):
        got = at_level(token_grid(SCORES["entropy"], rows, None, "x"), level).value
        assert got == pytest.approx(expected.to_numpy(), rel=1e-6)


def test_distance_is_measured_in_standard_deviations_of_the_reference() -> None:
    reference = ScoreValues(value=np.array([2.0, 4, 4, 4, 5, 5, 7, 9]), document=np.arange(8))
    values = ScoreValues(value=np.array([5.0, 1.0, 9.0]), document=np.array([4, 4, 6]))
    distance = distance_to(reference, values)
    assert distance.value.tolist() == [0.0, 2.0, 2.0]
    assert distance.document.tolist() == [4, 4, 6]


def test_distance_to_a_constant_reference_keeps_the_ranking() -> None:
    reference = ScoreValues(value=np.full(5, 60.0), document=np.arange(5))
    values = ScoreValues(value=np.array([60.0, 58.0, 61.0]), document=np.arange(3))
    assert distance_to(reference, values).value.tolist() == [0.0, 2.0, 1.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_never_skipped(bad: float) -> None:
    ledger = make_ledger(2, 1, 6)
    ledger.loc[3, "entropy"] = bad
    with pytest.raises(DataError, match=r"1 of 8 values of 'entropy' on corpus 'essays'"):
        score_values(SCORES["entropy"], rows_of(ledger), None, "essays")


def test_a_sequence_that_predicts_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 sequence\(s\).*'nll'"):
        token_grid(SCORES["nll"], rows_of(make_ledger(2, 1, 2)), None, "x")


def test_a_zero_centred_norm_is_refused() -> None:
    rows = rows_of(make_ledger(2, 1, 6).assign(centred_norm=np.float32(0)))
    with pytest.raises(DataError, match="centred_norm"):
        score_values(SCORES["unexplained_share"], rows, None, "x")


def test_scores_are_listed_by_what_they_cost() -> None:
    one_sided = [
        "n_active", "n_active_adjusted", "unexplained_share", "activation_norm", "mahalanobis",
        "relative_mahalanobis", "knn_distance", "one_minus_max_prob", "entropy", "energy",
        "unigram_nll", "nll",
    ]  # fmt: skip
    assert [score.name for score in all_scores()] == [
        name for score in one_sided for name in (score, f"{score}_two_sided")
    ]
    mine = Score("a", "mine", "code", ("a",), column("a"))
    other = Score("b", "mine", "activation", ("b",), column("b"), order=-1)
    names = [score.name for score in in_order((*all_scores(), other, mine))]
    assert names.index("a") == 6 and names.index("b") == 7


def test_every_score_has_the_same_two_forms() -> None:
    forms = {score.name: score for score in all_scores()}
    for score in SCORES.values():
        other = forms[f"{score.name}_two_sided"]
        assert other.two_sided and not score.two_sided
        assert other.base == score.base == score.name
        assert other.reads == score.reads and other.value is score.value
    already = Score("mine", "", "code", ("a",), column("a"), two_sided=True)
    assert [score.name for score in both_sides([already])] == ["mine"]


def test_a_score_learns_from_the_rows_that_it_is_given() -> None:
    rows = pd.DataFrame({"token_id": [0, 0, 0, 2]})
    assert SCORES["unigram_nll"].fitted(rows, 4).tolist() == [1.0, 3.0, 2.0, 3.0]
    assert SCORES["entropy"].fitted(rows, 4) is None


def test_the_columns_that_a_table_lacks_are_named() -> None:
    tables = {"a": pd.DataFrame({"x": [1], "y": [1]}), "b": pd.DataFrame({"x": [1]})}
    scores = (
        Score("xy", "", "code", ("x", "y", "z"), column("x")),
        Score("x", "", "code", ("x",), column("x")),
    )
    assert missing_columns(scores, tables) == {"xy": ("y", "z")}


def test_a_name_belongs_to_one_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SCORES, "_entries", dict(SCORES._entries))
    monkeypatch.setattr(SCORES, "_origins", dict(SCORES._origins))
    add_score(SCORES["entropy"])
    mine = Score("entropy", "mine", "prediction", ("entropy",), column("entropy"))
    with pytest.raises(ConfigError, match="Two entries are called score 'entropy'"):
        add_score(mine)
    odd = Score("other", "mine", "prediction", ("entropy",), column("entropy"))
    object.__setattr__(odd, "family", "weather")
    with pytest.raises(ConfigError, match="has the family 'weather'"):
        add_score(odd)
    with pytest.raises(ConfigError, match="Did you mean 'entropy'"):
        SCORES["entropi"]


def test_the_scores_must_be_unambiguous() -> None:
    with pytest.raises(ConfigError, match="called n_active"):
        check_scores((*LEDGER_SCORES, SCORES["n_active"]))
    with pytest.raises(ConfigError, match="compares every score with n_active"):
        check_scores((SCORES["entropy"],))
