"""The whole study on synthetic ledgers: files, columns, roles, verdict."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ledger_factory import VOCAB_SIZE, make_ledger
from record_schema import complaints
from sklearn.metrics import roc_auc_score

from semdim.errors import ArtifactError, ConfigError, DataError
from semdim.records import json_schema, read_record
from semdim.registry import load_plugins
from semdim.uncertainty.activation_scores import COLUMNS as FITTED
from semdim.uncertainty.evaluation import level_names
from semdim.uncertainty.guardrail import Guardrail, Provenance
from semdim.uncertainty.rows import generator, split_documents
from semdim.uncertainty.score import SCORES, Score, all_scores
from semdim.uncertainty.spec import UncertaintySpec
from semdim.uncertainty.study import StudyResult, run_study
from semdim.uncertainty.verdict import Best, FittedOn, Verdict

PROVENANCE = Provenance(
    probe="p", model="m", model_fingerprint="a" * 64, sae="s", sae_fingerprint="b" * 64,
    hook_name="blocks.1.hook_resid_post", splice="no_bos", context=12, compute_dtype="float32",
)  # fmt: skip
FITTED_ON = FittedOn(
    sample="english", n_tokens=7, n_outliers=0, norm_limit=9.0, n_clusters=2, bank_tokens=5,
    neighbour=1, shrinkage=0.1,
)  # fmt: skip
LEDGER_SCORES = tuple(score for score in all_scores() if score.base not in FITTED)
LEVELS = level_names()
# Two refits are the fewest that vary; test_uncertainty_refits says what an interval of more covers.
SPEC = UncertaintySpec(n_resamples=60, n_refits=2, n_splits=5, window=4, roc_points=20)
#: For tests of the guardrail, and of single numbers, which no other score enters.
K_ALONE = tuple(score for score in LEDGER_SCORES if score.name == "n_active")
LEDGERS = {
    "english": make_ledger(60, 2, 12),
    "python": make_ledger(20, 2, 12, shift=-12, seed=1),
    "random": make_ledger(30, 1, 12, shift=25, seed=2),
}
ROLES = {"english": "id", "python": "shifted", "random": "far"}


@pytest.fixture(scope="module")
def study() -> StudyResult:
    return run_study(LEDGERS, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)


def row(study: StudyResult, score: str, shift: str, level: str) -> pd.Series:
    table = study.uncertainty.query("score == @score and shift == @shift and level == @level")
    assert len(table) == 1
    return table.iloc[0]


def test_every_score_meets_every_shift_at_every_level(study: StudyResult) -> None:
    table = study.uncertainty
    assert table.columns[:10].tolist() == [
        *("score", "shift", "level", "auroc", "auroc_low", "auroc_high", "aupr"),
        *("fpr_at_95_tpr", "n_id", "n_ood"),
    ]
    assert len(table) == len(LEDGER_SCORES) * 2 * (1 + 6 + 1)
    assert list(dict.fromkeys(table["level"])) == [*LEVELS, "chosen"]
    assert not table.drop(columns="fit_deviation").isna().any().any()
    varies = table["two_sided"] | table["score"].isin(["unigram_nll", "n_active_adjusted"])
    assert (table["fit_deviation"].notna() == (varies & (table["level"] != "token"))).all()
    assert (table["auroc_low"] <= table["auroc_high"]).all()
    assert set(table.loc[table["uses_labels"], "score"]) == {"nll", "nll_two_sided"}
    assert (table["two_sided"] == table["score"].str.endswith("_two_sided")).all()


def test_counts_are_of_evaluation_documents_without_position_zero(study: StudyResult) -> None:
    tokens = row(study, "n_active", "random", "token")
    assert (tokens["n_id"], tokens["n_ood"]) == (30 * 2 * 11, 30 * 11)
    assert row(study, "nll", "random", "token")["n_id"] == 30 * 2 * 10
    sequences = row(study, "nll", "python", "sequence_max")
    assert (sequences["n_id"], sequences["n_ood"]) == (60, 40)
    assert (sequences["n_id_documents"], sequences["n_ood_documents"]) == (30, 20)


def test_more_atoms_score_above_and_fewer_below_one_half(study: StudyResult) -> None:
    assert row(study, "n_active", "random", "sequence_mean")["auroc"] > 0.98
    assert row(study, "n_active", "python", "sequence_mean")["auroc"] < 0.05
    assert row(study, "n_active_two_sided", "python", "sequence_mean")["auroc"] > 0.95
    assert abs(row(study, "activation_norm", "random", "token")["auroc"] - 0.5) < 0.1


def test_sequence_values_agree_with_a_plain_computation(study: StudyResult) -> None:
    # With all ID documents instead of the evaluation half the area differs only by sampling.
    means = [
        LEDGERS[name].query("position > 0").groupby("sequence")["n_active"].mean()
        for name in ("english", "random")
    ]
    area = roc_auc_score(np.repeat([0, 1], [len(m) for m in means]), np.concatenate(means))
    assert row(study, "n_active", "random", "sequence_mean")["auroc"] == pytest.approx(
        area, abs=0.02
    )


def test_the_verdict_says_what_beats_what(study: StudyResult) -> None:
    verdict = study.verdict
    assert verdict.n_active_is_constant is False and len(verdict.warnings) == 1
    assert verdict.mean_n_active["random"] > verdict.mean_n_active["english"] + 20
    directions = {s: verdict.by_shift[s]["sequence_mean"].direction for s in ("python", "random")}
    assert directions == {"python": "fewer", "random": "more"}
    cell = verdict.by_shift["python"]["sequence_mean"].contenders
    outcome = {c.score: c.outcome for c in cell["n_active"].against}
    assert outcome["activation_norm"] == "worse"
    assert list(outcome) == [s.name for s in LEDGER_SCORES if not s.two_sided][1:]
    record = cell["n_active"].record
    assert vars(record) == {
        key: tuple(s for s, found in outcome.items() if found == key and s != "nll")
        for key in ("better", "undecided", "worse")
    }
    assert "activation_norm" in record.worse
    two_sided = {c.score: c for c in cell["n_active_two_sided"].against}
    assert list(two_sided) == [f"{name}_two_sided" for name in outcome]
    assert two_sided["activation_norm_two_sided"].outcome == "better"
    assert two_sided["activation_norm_two_sided"].low > 0
    best = verdict.by_shift["python"]["sequence_mean"].best_label_free
    aurocs = study.uncertainty.query(
        "shift == 'python' and level == 'sequence_mean' and not uses_labels"
    ).set_index("score")["auroc"]
    assert best == Best(aurocs.idxmax(), aurocs.max())
    assert verdict.position_zero["english"].min == 500
    assert verdict.fixed_rule.corpora["english"].sequence_rate == 0.0


def test_each_score_is_compared_at_the_level_chosen_for_it(study: StudyResult) -> None:
    choices = study.verdict.level_choice
    assert set(choices) == {score.base for score in LEDGER_SCORES}
    for score in LEDGER_SCORES:
        choice = choices[score.base]
        known = {k: v for k, v in choice.reliability.items() if v is not None}
        assert known[choice.level] == max(known.values())
        for shift in ("python", "random"):
            chosen = row(study, score.name, shift, "chosen").drop("level")
            pd.testing.assert_series_equal(
                chosen, row(study, score.name, shift, choice.level).drop("level"), check_names=False
            )


def test_the_level_is_chosen_without_a_look_at_what_is_evaluated(study: StudyResult) -> None:
    # Whatever the shifts and the evaluation documents hold, the choice stays.
    is_fit = LEDGERS["english"]["document"].isin(fit_documents(SPEC)).to_numpy()
    rng = np.random.default_rng(5)
    ledgers = {}
    for name, ledger in LEDGERS.items():
        touched = ledger.copy()
        here = ~is_fit if name == "english" else np.ones(len(ledger), dtype=bool)
        for column in ("n_active", "entropy", "activation_norm"):
            noise = rng.pareto(0.5, here.sum()).clip(0, 1e4).astype(ledger[column].dtype)
            touched.loc[here, column] += noise
        ledgers[name] = touched
    found = run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)
    assert found.verdict.level_choice == study.verdict.level_choice
    assert not found.uncertainty["auroc"].equals(study.uncertainty["auroc"])


def test_an_identical_copy_of_the_evaluation_documents_is_a_coin_toss_without_doubt() -> None:
    # Pairs are resampled together: a copy is drawn as often as its original. Drawn apart, the
    # interval of the same comparison is wide.
    names = [f"article {i}" for i in range(60)]
    found = run_study(
        {"english": LEDGERS["english"], "copy": LEDGERS["english"]},
        {"english": "id", "copy": "near"},
        SPEC,
        seed=0,
        vocab_size=VOCAB_SIZE,
        document_names={"english": names, "copy": names},
    )
    ends = found.uncertainty[["auroc", "auroc_low", "auroc_high"]].to_numpy()
    np.testing.assert_allclose(ends, 0.5, atol=1e-12)
    apart = run_study(
        {"english": LEDGERS["english"], "other": make_ledger(30, 2, 12, seed=8)},
        {"english": "id", "other": "shifted"},
        SPEC,
        seed=0,
        vocab_size=VOCAB_SIZE,
        scores=K_ALONE,
    )
    cell = row(apart, "n_active", "other", "sequence_mean")
    assert cell["auroc_high"] - cell["auroc_low"] > 0.1


def test_the_guardrail_says_what_was_promised_and_measured(study: StudyResult) -> None:
    found = study.guardrail
    assert found.alarm.false_alarm_rate == 0.05
    assert (found.alarm.n_choice, found.alarm.n_calibration) == (10, 20)
    assert 0 <= found.measured.false_alarms.rate <= 0.2
    assert found.measured.detection["random"].rate > 0.95
    assert found.alarm.moving_length == 4
    assert len(found.fixed_rule.corpora) == 6
    summary = study.verdict.guardrail
    assert summary.detection_rate["random"] == found.measured.detection["random"].rate
    assert summary.statistics == (found.alarm.limits[0].statistic,)


def test_a_source_of_each_document_gives_thresholds_of_its_own() -> None:
    calm = replace(SPEC, false_alarm_rate=0.2)
    sources = ["news" if number % 3 else "letters" for number in range(60)]
    found, pooled = (
        run_study(
            LEDGERS, ROLES, calm, seed=0, vocab_size=VOCAB_SIZE, scores=K_ALONE, groups=groups
        ).guardrail
        for groups in (sources, None)
    )
    assert set(found.alarm.groups) == {"letters", "news"}
    assert sum(group.n_calibration for group in found.alarm.groups.values()) == 20
    assert found.alarm.groups["news"].limits and "news" in found.measured_by_group
    assert pooled.alarm.limits == found.alarm.limits and not pooled.alarm.groups


def test_files_are_written_and_read_back(study: StudyResult, tmp_path: Path) -> None:
    study.write(tmp_path / "new", PROVENANCE)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == [
        "guardrail.json", "roc.csv", "sequence_histogram.csv", "sparsity.csv",
        "sparsity_histogram.csv", "uncertainty.csv", "verdict.json",
    ]  # fmt: skip
    alarm = read_record(tmp_path / "new" / "guardrail.json", Guardrail)
    assert alarm == replace(study.guardrail, provenance=PROVENANCE)
    assert read_record(tmp_path / "new" / "verdict.json", Verdict) == study.verdict
    for name, kind in (("guardrail", Guardrail), ("verdict", Verdict)):
        content = json.loads((tmp_path / "new" / f"{name}.json").read_text())
        assert content["schema"] == kind.SCHEMA
        assert not complaints(content, json_schema(kind))
    table = pd.read_csv(tmp_path / "new" / "uncertainty.csv")
    assert table["auroc"].tolist() == pytest.approx(study.uncertainty["auroc"].tolist(), rel=1e-5)
    roc = pd.read_csv(tmp_path / "new" / "roc.csv")
    assert set(roc["level"]) == {"chosen"}
    assert roc.groupby(["score", "shift", "level"]).size().max() <= 20


def test_a_guardrail_of_an_earlier_version_is_refused(study: StudyResult, tmp_path: Path) -> None:
    study.write(tmp_path, PROVENANCE)
    path = tmp_path / "guardrail.json"
    path.write_text(path.read_text().replace(Guardrail.SCHEMA, "guardrail/1"))
    with pytest.raises(ArtifactError, match=r"'guardrail/1'.*`dvc repro measure_uncertainty`"):
        read_record(path, Guardrail)


def test_the_seed_decides_everything(study: StudyResult) -> None:
    again = run_study(LEDGERS, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)
    pd.testing.assert_frame_equal(again.uncertainty, study.uncertainty)
    assert again.guardrail == study.guardrail and again.verdict == study.verdict
    other = run_study(LEDGERS, ROLES, SPEC, seed=1, vocab_size=VOCAB_SIZE, scores=K_ALONE)
    mine = study.uncertainty.query("score == 'n_active'").reset_index(drop=True)
    assert len(other.uncertainty) == len(mine)
    assert not other.uncertainty["auroc"].equals(mine["auroc"])


def test_another_corpus_moves_no_number(study: StudyResult) -> None:
    fewer = run_study(
        {name: LEDGERS[name] for name in ("english", "random")},
        {name: ROLES[name] for name in ("english", "random")},
        SPEC,
        seed=0,
        vocab_size=VOCAB_SIZE,
    )
    expected = study.uncertainty.query("shift == 'random'").reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer.uncertainty, expected)
    assert fewer.guardrail.alarm == study.guardrail.alarm


def test_a_score_from_outside_is_compared_once_its_module_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_scores()
    monkeypatch.setattr(SCORES, "_entries", dict(SCORES._entries))  # leave the others alone
    monkeypatch.delitem(sys.modules, "tests.fixtures.score_depth", raising=False)
    load_plugins(["tests.fixtures.score_depth"])
    ledgers = {
        name: ledger.assign(depth=float(name == "random")) for name, ledger in LEDGERS.items()
    }
    found = run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)
    found.write(tmp_path)
    table = pd.read_csv(tmp_path / "uncertainty.csv").query("score == 'depth' and level == 'token'")
    assert table.set_index("shift")["auroc"].to_dict() == {"random": 1.0, "python": 0.5}
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["scores"]["depth"]["meaning"] == "how deep a token lies"
    against = verdict["by_shift"]["random"]["token"]["contenders"]["n_active"]["against"]
    assert "depth" in [entry["score"] for entry in against]
    names = list(dict.fromkeys(found.uncertainty["score"]))
    assert names.index("activation_norm_two_sided") < names.index("depth")
    assert names.index("depth") < names.index("one_minus_max_prob")  # with its family


def test_a_score_without_its_columns_is_named() -> None:
    ledgers = {
        name: ledger.drop(columns="entropy" if name == "random" else "energy")
        for name, ledger in LEDGERS.items()
    }
    with pytest.warns(UserWarning, match="left out"):
        found = run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)
    (note,) = found.verdict.warnings
    assert "entropy (entropy)" in note and "energy (energy)" in note and "knn_distance" in note
    assert "nll" not in note and not {"entropy", "energy"} & set(found.uncertainty["score"])
    with pytest.raises(DataError, match="'english' lacks the columns energy"):
        run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE, scores=LEDGER_SCORES)
    ledgers["random"] = ledgers["random"].drop(columns="n_active")
    with pytest.raises(DataError, match="'random' lacks the columns n_active"):
        run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)


def test_scores_from_activations_are_those_of_their_rows(study: StudyResult) -> None:
    # In an order of its own, as a reader may have left it.
    ledgers = {
        name: ledger.assign(
            mahalanobis=ledger["n_active"] + 0.5,
            relative_mahalanobis=-ledger["n_active"],
            knn_distance=1.0,
        ).sample(frac=1, random_state=1)
        for name, ledger in LEDGERS.items()
    }
    documents = fit_documents(SPEC)
    found = run_study(
        ledgers, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE,
        activation_fit={"fit_documents": documents, **vars(FITTED_ON)},
    )  # fmt: skip
    for level in LEVELS:
        own = row(found, "n_active", "python", level)["auroc"]
        assert row(found, "mahalanobis", "python", level)["auroc"] == pytest.approx(own)
        assert row(found, "knn_distance", "python", level)["auroc"] == 0.5
    own = row(found, "n_active", "python", "token")["auroc"]
    assert row(found, "relative_mahalanobis", "python", "token")["auroc"] == pytest.approx(1 - own)
    assert found.verdict.activation_fit == FITTED_ON and not found.verdict.warnings
    assert list(dict.fromkeys(found.uncertainty["score"])) == [s.name for s in all_scores()]
    assert found.guardrail == study.guardrail


def test_scores_fitted_on_other_documents_are_refused() -> None:
    documents = fit_documents(SPEC)
    spared = sorted(set(range(60)) - set(documents))
    for wrong in ([*documents[1:], spared[0]], documents[1:], [*documents, spared[0]], None):
        with pytest.raises(DataError, match="fitted on other documents"):
            run_study(
                LEDGERS, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE,
                activation_fit={"fit_documents": wrong},
            )  # fmt: skip


def test_a_fit_that_says_something_else_is_refused() -> None:
    facts = {"fit_documents": fit_documents(SPEC), **vars(FITTED_ON), "n_tokens": 7.5}
    with pytest.raises(ArtifactError, match=r"n_tokens is 7\.5, expected a whole number"):
        run_study(LEDGERS, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE, activation_fit=facts)


def test_a_topk_code_makes_the_study_empty_and_says_so() -> None:
    ledgers = {
        "english": make_ledger(60, 2, 12, constant=64),
        "random": make_ledger(30, 1, 12, constant=64, shift=25),
    }
    roles = {"english": "id", "random": "far"}
    with pytest.warns(UserWarning, match="same at every token"):
        found = run_study(ledgers, roles, SPEC, seed=0, vocab_size=VOCAB_SIZE)
    assert found.verdict.n_active_is_constant is True
    assert len(found.verdict.warnings) == 2  # the other one names scores without columns
    assert found.verdict.level_choice["n_active"].level == "sequence_mean"  # none can be told
    assert set(found.verdict.level_choice["n_active"].reliability.values()) == {None}
    rows = found.uncertainty.query("score in ('n_active', 'n_active_two_sided')")
    assert (rows["auroc"] == 0.5).all() and (rows["auroc_low"] == 0.5).all()
    assert {limit.threshold for limit in found.guardrail.alarm.limits} == {64}
    assert found.guardrail.measured.detection["random"].rate == 0


def test_a_single_document_has_numbers_but_no_intervals() -> None:
    ledgers = {"english": LEDGERS["english"], "book": make_ledger(1, 8, 12, shift=9, seed=4)}
    with pytest.warns(UserWarning, match="'book' is a single document"):
        found = run_study(
            ledgers, {"english": "id", "book": "shifted"}, SPEC, seed=0, vocab_size=VOCAB_SIZE
        )
    cell = row(found, "n_active", "book", "sequence_mean")
    assert cell["auroc"] > 0.5 and np.isnan(cell["auroc_low"])
    assert found.guardrail.measured.detection["book"].low is None
    against = found.verdict.by_shift["book"]["token"].contenders["n_active"].against
    assert {c.outcome for c in against} == {"undecided"}


def test_the_id_corpus_alone_is_described_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="only the ID corpus"):
        found = run_study(
            {"english": LEDGERS["english"]}, {"english": "id"}, SPEC, 0, vocab_size=VOCAB_SIZE
        )
    assert found.uncertainty.empty and found.roc.empty and len(found.sparsity) == 2
    found.write(tmp_path)
    assert pd.read_csv(tmp_path / "uncertainty.csv").columns[0] == "score"


def test_copies_of_fit_documents_are_left_out_of_a_near_shift() -> None:
    near = make_ledger(60, 2, 12, shift=3, seed=9)
    names = [f"article {i}" for i in range(60)]
    shuffled = names[::-1]  # the near corpus numbers its documents in another order
    found = run_study(
        {"english": LEDGERS["english"], "near": near},
        {"english": "id", "near": "near"},
        SPEC,
        seed=0,
        vocab_size=VOCAB_SIZE,
        document_names={"english": names, "near": shuffled},
    )
    cell = row(found, "n_active", "near", "sequence_mean")
    assert (cell["n_id_documents"], cell["n_ood_documents"]) == (30, 30)
    assert found.guardrail.measured.detection["near"].n_sequences == 60
    assert found.sparsity.query("corpus == 'near'")["n_tokens"].tolist() == [1440, 1320]


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"english": "id", "python": "shifted"}, "No role was given for corpus 'random'"),
        ({**ROLES, "essays": "far"}, "No ledger was given for corpus 'essays'"),
        ({**ROLES, "english": "familiar"}, "'english' has role 'familiar'"),
        ({**ROLES, "python": "id"}, r"2 corpora have role 'id' \(english, python\)"),
        ({**ROLES, "english": "far"}, "0 corpora have role 'id'"),
        ({**ROLES, "python": "near"}, "document_names of 'python' and 'english'"),
    ],
)
def test_roles_that_do_not_fit_are_refused(roles: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_study(LEDGERS, roles, SPEC, seed=0, vocab_size=VOCAB_SIZE)


def test_a_near_shift_of_fit_documents_alone_is_refused() -> None:
    calm = replace(SPEC, fit_share=0.9)
    with pytest.raises(DataError, match="nothing but copies"):
        run_study(
            {"english": LEDGERS["english"], "near": make_ledger(2, 2, 12, seed=3)},
            {"english": "id", "near": "near"},
            calm,
            seed=0,
            vocab_size=VOCAB_SIZE,
            document_names={
                "english": [f"article {i}" for i in range(60)],
                "near": [f"article {document}" for document in fit_documents(calm)[:2]],
            },
        )


def fit_documents(spec: UncertaintySpec) -> list[int]:
    document = LEDGERS["english"]["document"].to_numpy()
    return split_documents(document, spec.fit_share, generator(0, "split")).fit.tolist()


def test_a_score_that_fails_is_left_out_with_its_reason(
    study: StudyResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By a value that is missing, a foreign token, or code that raises; the rest is the same."""
    all_scores()
    monkeypatch.setattr(SCORES, "_entries", dict(SCORES._entries))
    fails = Score(
        name="failing", meaning="x", family="code", reads=("n_active",), value=lambda *_: 1 / 0
    )
    for which in ("value", "fit"):
        SCORES._entries["failing"] = replace(fails, name="failing", **{which: lambda *_: 1 / 0})
        broken = LEDGERS["random"].copy()
        broken.loc[4, "energy"] = np.nan
        ledgers = {**LEDGERS, "random": broken}
        with pytest.warns(UserWarning, match="left out"):
            found = run_study(ledgers, ROLES, SPEC, seed=0, vocab_size=20)
        notes = [note for note in found.verdict.warnings if "lack their columns" not in note]
        said = "\n".join(notes)
        assert len(notes) == 4
        assert "score failing is left out: it failed with ZeroDivisionError: division by z" in said
        for name in ("unigram_nll", "n_active_adjusted"):
            assert f"score {name} is left out: Token ids run from" in said
        assert re.search("score energy is left out: 1 of .* on corpus 'random'", said)
        names = set(study.verdict.scores) - set(found.verdict.scores)
        assert names == {f"{name}{form}" for name in ("energy", "unigram_nll", "n_active_adjusted")
                         for form in ("", "_two_sided")}  # fmt: skip
        kept = study.uncertainty[~study.uncertainty["score"].isin(names)].reset_index(drop=True)
        pd.testing.assert_frame_equal(found.uncertainty, kept)
        found.write(tmp_path)
    broken = LEDGERS["random"].astype({"n_active": float})
    broken.loc[4, "n_active"] = np.nan
    with pytest.raises(DataError, match="n_active"):
        run_study({**LEDGERS, "random": broken}, ROLES, SPEC, seed=0, vocab_size=VOCAB_SIZE)


def test_importing_semdim_loads_no_tables() -> None:
    code = (
        "import sys, semdim.uncertainty; print({'pandas', 'sklearn', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_fit_documents_are_fitted_on_and_the_others_evaluated() -> None:
    # Fit, evaluation and far documents are given values that tell which of them was used for what.
    split = split_documents(
        LEDGERS["english"]["document"].to_numpy(), SPEC.fit_share, generator(0, "split")
    )
    english, far = LEDGERS["english"].copy(), LEDGERS["random"].copy()
    is_fit = english["document"].isin(split.fit)
    text = english["position"] > 0
    english["entropy"] = np.where(is_fit, 100.0, 0.0)
    far["entropy"] = 50.0
    english["token_id"] = np.where(is_fit, 1, 2)
    far["token_id"] = 3
    english.loc[text, "n_active"] = np.where(is_fit, 30, 40)[text].astype(np.int32)
    far.loc[far["position"] > 0, "n_active"] = 25
    found = run_study(
        {"english": english, "random": far},
        {"english": "id", "random": "far"},
        SPEC,
        seed=0,
        vocab_size=VOCAB_SIZE,
    )
    for level in LEVELS:
        assert row(found, "entropy", "random", level)["auroc"] == 1.0  # fit documents: 0
        assert row(found, "unigram_nll", "random", level)["auroc"] == 0.5  # 2 and 3 are both new
        assert row(found, "n_active_two_sided", "random", level)["auroc"] == 0.0  # 5 against 10
    assert {limit.threshold for limit in found.guardrail.alarm.limits} == {30}
    assert found.guardrail.measured.false_alarms.rate == 1.0
    # Fresh splits mix the two kinds, so that the promise is kept again.
    assert found.guardrail.stability.false_alarm_rate.mean < 0.1


def test_scores_that_know_nothing_are_not_told_apart() -> None:
    ledgers = {"english": LEDGERS["english"], "more": make_ledger(40, 2, 12, seed=8)}
    found = run_study(
        ledgers, {"english": "id", "more": "shifted"}, SPEC, seed=0, vocab_size=VOCAB_SIZE
    )
    cell = found.verdict.by_shift["more"]["sequence_mean"]
    assert cell.direction == "undecided"
    outcomes = [c.outcome for c in cell.contenders["n_active"].against]
    assert outcomes.count("undecided") >= len(outcomes) - 1
