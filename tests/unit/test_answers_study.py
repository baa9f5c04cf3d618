"""What tells trouble from the rest: places, detection, and supervised scores that see no test."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from semdim.answers.asking import Answer
from semdim.answers.calibration import calibrate, in_words
from semdim.answers.detection import check_score, detect
from semdim.answers.places import at_place, place_values
from semdim.answers.spec import AnswersSpec
from semdim.answers.study import run_study
from semdim.answers.supervised import (
    cross_validated,
    entity_folds,
    linear_probe,
    text_baseline,
)
from semdim.answers.tokens import AnswerTokens
from semdim.answers.verdict import of_trouble, verdict
from semdim.answers.write import write_rows, write_study
from semdim.errors import DataError
from semdim.questions.question import Question

RNG = np.random.default_rng(0)
SPEC = AnswersSpec(n_resamples=100, n_folds=4)
#: Two questions of three and two prompt tokens (BOS first), with answers of two and one tokens.
ROWS = pd.DataFrame(
    {
        "question": [0, 0, 0, 0, 0, 1, 1, 1],
        "position": [0, 1, 2, 3, 4, 0, 1, 2],
        "is_answer": [False, False, False, True, True, False, False, True],
        "n_active": [900, 10, 20, 30, 50, 800, 40, 60],
        "entropy": [9.0, 1.0, 2.0, 3.0, 4.0, 8.0, 5.0, 6.0],
        "nll_model": [9.0, 1.0, 2.5, 3.5, np.nan, 8.0, 5.5, np.nan],
    }
)


def test_places() -> None:
    found = place_values(AnswerTokens(ROWS, np.zeros((8, 2))), 2)
    expected = {
        ("n_active", "last_prompt"): [20, 40], ("n_active", "prompt"): [15, 40],
        ("n_active", "first_answer"): [30, 60], ("n_active", "answer"): [40, 60],
        # Predictions: those that made the answer begin at the last token of the prompt.
        ("entropy", "last_prompt"): [2, 5], ("entropy", "answer"): [2.5, 5],
        ("entropy", "first_answer"): [3, 6], ("nll", "answer"): [3.0, 5.5],
    }  # fmt: skip
    for key, values in expected.items():
        assert found[key] == pytest.approx(values), key
    assert not {("nll", "last_prompt"), ("nll", "first_answer")} & set(found)
    assert found["entropy", "prompt"][0] == 1.0
    assert at_place(ROWS, "prompt").sum() == 3


def detected(scores: dict[str, np.ndarray], label: np.ndarray, entity: np.ndarray) -> Any:
    return detect(scores, label, entity, baseline="text", n_resamples=400, confidence=0.95, seed=1)


def test_detection_is_that_of_scikit_learn_and_of_brute_force() -> None:
    label, entity = RNG.random(80) < 0.4, np.repeat(np.arange(40), 2)
    score = label + RNG.normal(size=80).round(1)
    found = detected({"text": RNG.normal(size=80), "k": score}, label, entity)
    k = found["k"]
    assert k.auroc == pytest.approx(roc_auc_score(label, score))
    assert k.aupr == pytest.approx(average_precision_score(label, score))
    orders = []
    for _ in range(3000):
        ordered = label[np.lexsort((RNG.random(80), score))]
        orders.append((np.cumsum(ordered) / np.arange(1, 81)).mean())
    assert k.aurc == pytest.approx(np.mean(orders), abs=4 * np.std(orders) / np.sqrt(3000))
    assert k.auroc_low < k.auroc < k.auroc_high and k.aurc_low < k.aurc < k.aurc_high
    assert k.beyond_text == pytest.approx(k.auroc - found["text"].auroc)
    assert found["text"].beyond_text == found["text"].beyond_text_high == 0.0
    assert k.p_holm >= k.p_value


def test_intervals_are_over_entities() -> None:
    """Each question four times is no more knowledge, where the copies are of one entity."""
    label, score = RNG.random(60) < 0.5, RNG.normal(size=60)
    once = detected({"text": score}, label, np.arange(60))["text"]
    copies = {"text": np.tile(score, 4)}
    clustered = detected(copies, np.tile(label, 4), np.tile(np.arange(60), 4))["text"]
    apart = detected(copies, np.tile(label, 4), np.arange(240))["text"]
    width = once.auroc_high - once.auroc_low
    assert clustered.auroc_high - clustered.auroc_low == pytest.approx(width)
    assert apart.auroc_high - apart.auroc_low < 0.7 * width


def test_intervals_cover() -> None:
    """Of 95 % intervals of unrelated scores, about that share holds 0.5."""
    rng, holds = np.random.default_rng(4), []
    for seed in range(80):
        label, entity = rng.random(100) < 0.5, np.repeat(np.arange(50), 2)
        score = np.repeat(rng.normal(size=50), 2) + 0.1 * rng.normal(size=100)
        found = detect(
            {"text": score}, label, entity, baseline="text", n_resamples=200, confidence=0.95,
            seed=seed,
        )["text"]  # fmt: skip
        holds.append(found.auroc_low <= 0.5 <= found.auroc_high)
    assert np.mean(holds) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 80) - 0.02


def test_scores_with_nan_and_one_sided_trouble_are_refused() -> None:
    with pytest.raises(DataError, match="score k is NaN or infinite for 1 of 3 questions"):
        check_score("k", np.array([1.0, np.nan, 2.0]))
    label = np.array([True, False, True])
    with pytest.raises(DataError, match="is NaN"):
        detected({"text": np.array([1.0, np.nan, 2.0])}, label, np.arange(3))
    with pytest.raises(DataError, match="at least one of each"):
        detected({"text": np.ones(3)}, np.ones(3, bool), np.arange(3))


def test_no_entity_is_in_two_folds_and_too_few_are_refused() -> None:
    entity, label = np.repeat(np.arange(30), 3), RNG.random(90) < 0.3
    fold = entity_folds(entity, label, 5, seed=0)
    assert all(len(np.unique(fold[entity == one])) == 1 for one in range(30))
    assert set(fold) == set(range(5))
    with pytest.raises(DataError, match="3 entities, fewer than the 5 folds"):
        entity_folds(np.array([0, 1, 2, 2]), np.array([True, False, True, False]), 5, 0)


def test_a_fit_never_sees_what_it_scores() -> None:
    label, fold = RNG.random(40) < 0.5, np.arange(40) % 4
    seen: list[tuple[set[int], set[int]]] = []

    def fit(train: np.ndarray, wanted: np.ndarray) -> Any:
        assert (wanted == label[train]).all()

        def score(test: np.ndarray) -> np.ndarray:
            seen.append((set(train.tolist()), set(test.tolist())))
            return test.astype(np.float64)

        return score

    cross_validated(fit, label, fold)
    assert len(seen) == 4
    for train, test in seen:
        assert not train & test and train | test == set(range(40))


def words(label: np.ndarray, noise: float) -> list[str]:
    """Questions in whose wording the label shows, but for a share that is noise."""
    shown = np.where(RNG.random(len(label)) < noise, RNG.random(len(label)) < 0.5, label)
    return [f"what of {'alpha' if one else 'omega'} number {at}" for at, one in enumerate(shown)]


def test_the_text_baseline_finds_a_leak() -> None:
    label, entity = RNG.random(120) < 0.5, np.repeat(np.arange(60), 2)
    score = text_baseline(words(label, 0.1), label, entity_folds(entity, label, 4, 0))
    assert roc_auc_score(label, score) > 0.85


def test_the_probe_finds_a_direction() -> None:
    label, entity = RNG.random(160) < 0.5, np.repeat(np.arange(80), 2)
    activation = RNG.normal(size=(160, 30))
    activation[:, 3] += 2.0 * label
    score = linear_probe(activation, entity, label, entity_folds(entity, label, 4, 0), 0)
    assert roc_auc_score(label, score) > 0.8


@pytest.mark.parametrize("which", ["text", "probe"])
def test_shuffled_labels_give_one_half(which: str) -> None:
    """No test example enters a fit: what is learnt of labels that mean nothing is nothing. Words
    and activations are such that the true labels would be found, and memory would find others."""
    rng = np.random.default_rng(7)
    entity = np.repeat(np.arange(40), 2)
    label = np.repeat(rng.random(40) < 0.35, 2)
    texts = words(label, 0.0)
    activation = rng.normal(size=(80, 60)) + 2.0 * label[:, None]
    found = []
    for seed in range(8):
        shuffled = np.repeat(rng.permutation(label[::2]), 2)
        fold = entity_folds(entity, shuffled, 4, seed)
        score = (
            text_baseline(texts, shuffled, fold)
            if which == "text"
            else linear_probe(activation, entity, shuffled, fold, seed)
        )
        found.append(roc_auc_score(shuffled, score))
    assert abs(np.mean(found) - 0.5) < 5 * np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.5) < 0.1


@functools.lru_cache
def a_study(n: int = 24, k_shift: float = 12.0) -> Any:
    """Two templates of n entities and of as many invented ones; k is higher where it is wrong."""
    rng = np.random.default_rng(5)
    questions, answers, rows = [], [], []
    for pair in range(n):
        wrong, rank = bool(rng.random() < 0.5), int(rng.integers(1, 4))
        for invented in (False, True):
            for template in range(2):
                name = f"{'made' if invented else 'land'} {rng.integers(10**6)}"
                at = len(questions)
                questions.append(
                    Question(
                        prompt=f"{template} {name}", entity=f"{invented}{pair}", template=template,
                        group="g", answers=() if invented else ("x",), alternatives=("x", "y"),
                        popularity=None if invented else float(pair), is_invented=invented,
                        pair=pair,
                    )
                )  # fmt: skip
                answers.append(
                    Answer(
                        prompt_ids=(0, 1, 2), answer_ids=(3,), text="x",
                        is_correct=not (wrong or invented), rank=None if invented else rank,
                        n_alternatives=0 if invented else 3, p_true=None, disagreement=None,
                    )
                )  # fmt: skip
                for position in range(4):
                    k = rng.normal(50, 5) + k_shift * (wrong and not invented)
                    rows.append((at, position, position == 3, k, rng.random(), rng.random()))
    names = ["question", "position", "is_answer", "n_active", "entropy", "nll_model"]
    table = pd.DataFrame(rows, columns=names)
    tokens = AnswerTokens(table, rng.normal(size=(len(rows), 6)))
    return run_study(questions, answers, tokens, replace(SPEC, n_folds=2), 0)


def test_a_study_compares_every_score_with_every_trouble(tmp_path: Any) -> None:
    study = a_study()
    rows = study.detection
    assert set(rows["trouble"]) == {"wrong", "misranked", "invented"}
    by = rows.set_index(["trouble", "score", "place"])
    assert by.loc[("wrong", "n_active", "last_prompt"), "auroc"] > 0.85
    assert by.loc[("wrong", "n_active", "last_prompt"), "p_holm"] < 0.05
    assert by.loc[("wrong", "text_baseline", "question"), "n_questions"] == 48
    assert by.loc[("invented", "n_active", "answer"), "n_questions"] == 96
    assert set(rows.loc[rows["supervised"], "score"]) == {"text_baseline", "linear_probe"}
    assert ("invented", "unpopularity", "question") not in by.index
    assert "48 of 96" in study.left_out["invented/unpopularity"]
    said = verdict(study, SPEC)
    assert any(
        "better than chance" in one and "prompt detects a wrong answer" in one for one in said
    )
    write_rows(tmp_path / "rows.parquet", study)
    written = write_study(tmp_path, study, SPEC, {"model": "m"})
    assert written[: len(said)] == said
    # The made-up ledger has no largest probability, so one confidence is left: of whole answers.
    assert len(written) == len(said) + 2 and "the whole answer" in written[-2]
    bins = pd.read_csv(tmp_path / "calibration.csv")
    assert bins.loc[bins["k_bin"] == 0, "count"].sum() == 48
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 96
    curves = pd.read_csv(tmp_path / "curves.csv")
    ends = curves[curves["coverage"] == 1.0]
    assert np.allclose(ends.loc[ends["trouble"] == "invented", "risk"], 0.5)
    histograms = pd.read_csv(tmp_path / "histograms.csv")
    assert histograms[histograms["score"] == "n_active/last_prompt"]["count"].sum() == 96


def said_rows(n: int, claim: float, right: float, seed: int = 0) -> pd.DataFrame:
    """Questions of which a share ``right`` is answered rightly where the model claims ``claim``."""
    rng = np.random.default_rng(seed)
    doubt = np.clip(1 - claim + rng.uniform(-0.2, 0.2, n), 0, 1)
    wrong = rng.random(n) > (1 - doubt) + (right - claim)
    return pd.DataFrame(
        {
            "invented": np.arange(n) % 5 == 4, "entity": np.arange(n) // 2, "wrong": wrong,
            "n_active/last_prompt": rng.integers(20, 90, n), "nll/answer": 1.5,
            "n_answer_tokens": 2, "p_true": np.nan, "one_minus_max_prob/last_prompt": doubt,
        }
    )  # fmt: skip


def test_calibration_is_that_of_a_naive_loop_and_leaves_invented_entities_out() -> None:
    answers = said_rows(300, 0.5, 0.5)
    found, bins = calibrate(answers, SPEC)
    assert {one.confidence for one in found} == {"first_token", "answer"}  # p(True) is missing
    real = answers[~answers["invented"]]
    first = next(one for one in found if one.confidence == "first_token" and one.k_bin == 0)
    sure = 1 - real["one_minus_max_prob/last_prompt"].to_numpy()
    total = 0.0
    for low in np.arange(10) / 10:
        inside = (sure >= low) & (sure < low + 0.1 + 1e-12 * (low == 0.9))
        if inside.any():
            total += inside.sum() * abs((~real["wrong"][inside]).mean() - sure[inside].mean())
    assert first.n_questions == len(real) and first.ece == pytest.approx(total / len(real))
    whole = next(one for one in found if one.confidence == "answer" and one.k_bin == 0)
    assert whole.mean_confidence == pytest.approx(2.0**-3)
    mine = bins[(bins["confidence"] == "first_token") & (bins["k_bin"] > 0)]
    assert mine["count"].sum() == len(real) and set(mine["k_bin"]) == {1, 2, 3}


def test_a_calibrated_model_is_called_one_and_one_that_is_too_sure_is_not() -> None:
    """The yardstick: of calibrated models about one in twenty is above what they stay below."""
    above = 0
    for seed in range(40):
        # One confidence is looked at, over all k: losses would give another, and k thirds.
        answers = said_rows(200, 0.5, 0.5, seed)
        answers = answers.assign(**{"nll/answer": np.nan, "n_active/last_prompt": 50})
        found, _ = calibrate(answers, replace(SPEC, n_resamples=60))
        assert found[0].confidence == "first_token" and found[0].k_bin == 0
        above += found[0].ece > found[0].ece_if_calibrated_high
    assert above <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)
    found, _ = calibrate(said_rows(400, 0.7, 0.35), SPEC)
    assert found[0].ece > found[0].ece_if_calibrated_high and found[0].ece_low > 0.2
    said = " ".join(in_words(found))
    assert "more than the" in said and "the probability of the first token is 0.69" in said


def test_the_verdict_follows_the_numbers() -> None:
    said = " ".join(verdict(a_study(k_shift=0.0), SPEC))
    assert "prompt detects a wrong answer" in said and "not distinguishable from chance" in said
    said = " ".join(verdict(a_study(k_shift=-12.0), SPEC))
    assert "the wrong way, fewer atoms mean trouble" in said
    # "land" and "made" give invented entities away.
    assert "Leak: the question's wording alone detects an invented entity" in said


def test_a_baseline_that_points_the_wrong_way_is_a_leak_and_nothing_to_be_better_than() -> None:
    rows = a_study().detection.to_dict("records")
    for row in rows:
        if row["score"] == "text_baseline":
            row["auroc"] = 0.2
    of = [row for row in rows if row["trouble"] == "wrong"]
    leak, k, *_ = of_trouble("wrong", of, SPEC)
    assert leak.startswith("Leak") and "below 0.3" in leak
    assert "compared with the wording" not in k


def test_trouble_that_hardly_occurs_is_left_out_and_said() -> None:
    study = a_study(n=8)
    assert all("needs 5 of each" in why for name, why in study.left_out.items() if "/" not in name)
