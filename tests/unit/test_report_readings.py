"""Readings: a sentence says what the data says, also when the data says the opposite."""

import re
from collections.abc import Callable

import pandas as pd
import pytest
from results_factory import write_results

from semdim.plots.selections.score_rows import SIDES
from semdim.report import setup_rows
from semdim.report.readings import (
    active_atoms,
    alarm,
    certificates,
    levels_of_k,
    published_bound,
    replacements,
    risk_in_bins,
    rounding,
    side_by_side,
    warning_sign,
)
from semdim.report.sentences import readings
from semdim.report.wording import compare, confidence, join, num, say, small, trend
from semdim.results.read import ProbeResults, read_results


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


def changed(
    model: ProbeResults, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> ProbeResults:
    tables = {**model.tables, name: change(model.table(name).copy())}
    return ProbeResults(model.name, tables, model.setup, {}, model.guardrail, model.verdict)


def plain(sentences) -> str:
    return re.sub(r"<[^>]+>", "", " ".join(str(sentence) for sentence in sentences))


def test_numbers_keep_their_full_value_and_their_file():
    assert num(3.14159, 2, "bounds.csv") == (
        '<data value="3.14159" data-source="bounds.csv">3.14</data>'
    )
    assert ">−0.25<" in num(-0.25) and ">0.00<" in num(-0.001) and ">1,234<" in num(1234, 0)
    assert ">0 %<" in small(0.0) and ">100 %<" in small(1.0) and ">0.03 %<" in small(0.0003)


@pytest.mark.parametrize(
    ("delta", "text"), [(0.05, "95 %"), (0.01, "99 %"), (0.001, "99.9 %"), (0.5, "50 %")]
)
def test_confidence_shows_the_digits_that_delta_has(delta, text):
    assert f">{text}<" in confidence(delta)


def test_text_from_files_is_escaped():
    assert "<script>" not in say("{name}", name="<script>")
    assert "&lt;b&gt;" in join(["<b>", "x"])


def test_comparisons_have_three_outcomes():
    assert compare(2, 1, "more", "less", "same") == "more"
    assert compare(1, 2, "more", "less", "same") == "less"
    assert compare(1, 1 + 1e-13, "more", "less", "same") == "same"
    assert [trend(v) for v in ([1.0, 2.0, 2.0], [2.0, 1.0], [1.0, 1.0], [1.0, 2.0, 1.0])] == [
        "rises",
        "falls",
        "flat",
        "mixed",
    ]


def test_figure_1_says_where_the_bound_crosses_or_that_it_does_not(models):
    text = plain(published_bound.figure1(models[:1]))
    assert "falls below log₂V" in text and "holdout is" in text
    assert "N ≈ 15,187 tokens, with the statistics of the largest sample held fixed" in text
    above = changed(models[0], "bounds", lambda t: t.assign(total=t["total"] + 50.0))
    text = plain(published_bound.figure1([above]))
    assert "stays above log₂V" in text and "falls below" not in text
    below = changed(models[0], "bounds", lambda t: t.assign(total=t["total"] * 0.1))
    assert "is already below log₂V" in plain(published_bound.figure1([below]))


def test_holdout_above_the_published_number_is_said(models):
    def dearer(table):
        table.loc[table["family"] == "holdout", "total"] += 30.0
        return table

    assert "bits above the published number" in plain(
        published_bound.figure1([changed(models[0], "bounds", dearer)])
    )


def test_the_count_of_comparisons_with_holdout_is_honest(models):
    compared_all, dominated = certificates.domination(models[0])
    assert compared_all > 0 and dominated == compared_all

    rows = models[0].table("bounds")
    assert compared_all == int(
        (rows["family"] == "srm_topk_frontier").sum()
    )  # the best counts once

    def cheaper(table):
        best = table["family"].isin(["srm_topk", "srm_topk_frontier"]) & (table["k"] == 64)
        table.loc[best, "total"] = 1.0
        return table

    total, fewer = certificates.domination(changed(models[0], "bounds", cheaper))
    assert fewer == total - 9


def test_certified_without_certificates_says_so(models):
    none = changed(models[0], "bounds", lambda t: t.assign(is_certificate=False))
    assert "no certificate was computed" in plain(certificates.certified([none]))


def test_more_or_fewer_atoms_follow_the_means(models):
    text = plain(active_atoms.counted(models))
    assert re.search(r"synthetic-a: .*python [\d.]+ \(more\)", text)
    assert re.search(r"synthetic-b: .*python [\d.]+ \(fewer\)", text)
    code = plain(active_atoms.code_against_english(models))
    assert "synthetic-a: python is less sparse than english" in code
    assert "synthetic-b: python is sparser than english" in code
    assert "no interval over documents was computed" in code


def test_the_interval_over_documents_is_quoted_when_there_is_one(models):
    model = models[1]
    verdict = {"by_shift": {"python": {"token": {"direction": "undecided"}}}}
    told = ProbeResults(model.name, model.tables, model.setup, {}, {}, verdict)
    assert "could go either way" in plain(active_atoms.code_against_english([told]))


def test_risk_by_sparsity_reports_the_direction_it_finds(models):
    assert "rises from bin to bin" in plain(risk_in_bins.binned_risk(models[:1]))

    def upside_down(table):
        rows = table["family"] == "risk_by_sparsity"
        table.loc[rows, "proxy_risk"] = table.loc[rows, "proxy_risk"].to_numpy()[::-1]
        return table

    text = plain(risk_in_bins.binned_risk([changed(models[0], "bounds", upside_down)]))
    assert "falls from bin to bin, against" in text


def test_position_zero_is_judged_by_the_maximum(models):
    assert "position 0 alone sets the maximum" in plain(active_atoms.position_zero(models[:1]))

    def tame(table):
        table.loc[table["positions"] == "all", "max"] = table.loc[
            table["positions"] == "without_bos", "max"
        ].to_numpy()
        return table

    text = plain(active_atoms.position_zero([changed(models[0], "sparsity", tame)]))
    assert "the largest count, 153, is at another position" in text


def test_ablations_can_come_out_either_way(models):
    assert "worse than the SAE’s own" in plain(replacements.ablated(models[:1]))

    def harmless(table):
        table.loc[table["proxy"] == "random_decoder", "abs_gap"] = 0.01
        return table

    text = plain(replacements.ablated([changed(models[0], "proxies", harmless)]))
    assert "no worse than the SAE’s own" in text


def test_a_share_of_the_risk_is_a_share_of_the_same_mean(models):
    """Certified change ÷ the model's loss on the same documents, never on all sequences."""
    model = models[0]
    bounds = model.table("bounds")
    change = bounds[(bounds["family"] == "faithfulness") & (bounds["proxy"] == "sae")].iloc[-1]
    own = bounds[(bounds["family"] == "holdout") & (bounds["method"] == "betting")].iloc[-1]
    share = f"{100 * change['total'] / own['proxy_risk']:.1f} %"
    dear = changed(model, "proxies", lambda t: t.assign(risk=2.0 * t["risk"]))
    for entry in (model, dear):
        text = plain(replacements.faithful([entry]))
        assert f"the certified change is {share} of that" in text

    def fewer(table):
        table.loc[table["family"] == "faithfulness", "n_units"] -= 1
        return table

    other = changed(model, "bounds", fewer)
    assert "certified change is" not in plain(replacements.faithful([other]))


def test_what_is_certified_is_named_beside_what_is_measured(models):
    def named(table):
        table.loc[table["family"] == "holdout", "subject"] = "risk of the model: mean over <x>"
        return table

    text = str(certificates.certified([changed(models[0], "bounds", named)])[0])
    assert "The risk in question is the mean over &lt;x&gt;." in text and "measured" in text
    assert "The risk in question" not in plain(certificates.certified(models[:1]))
    assert "two are about different means" in plain(published_bound.figure1(models[:1]))


def test_signed_gap_cancels_to_the_models_own_risk(models):
    text = plain(replacements.signed_gap(models[:1]))
    assert "5.2000 bits, and the model’s own risk is 5.2000" in text


def test_splice_says_which_costs_more(models):
    assert "the second costs more" in plain(replacements.spliced(models[:1]))
    cheap = changed(
        models[0], "proxies", lambda t: t.assign(risk=t["risk"].where(t["splice"] != "all", 1.0))
    )
    assert "the second costs less" in plain(replacements.spliced([cheap]))


def test_n_active_ahead_or_behind(models):
    assert "so n_active is behind it" in plain(warning_sign.separated(models[:1]))
    ahead = changed(
        models[0],
        "uncertainty",
        lambda t: t.assign(auroc=t["auroc"].where(t["score"] != "n_active", 0.999999)),
    )
    text = plain(warning_sign.separated([ahead]))
    assert "so n_active is ahead of it" in text
    one_sided = warning_sign.separated([ahead])[::2]
    assert "as theory expects" in plain(one_sided) and "behind" not in plain(one_sided)
    wrong = changed(
        models[0],
        "uncertainty",
        lambda t: t.assign(auroc=t["auroc"].where(t["score"] != "n_active", 0.3)),
    )
    assert "below 0.5" in plain(warning_sign.against_trivial([wrong]))
    assert "below 0.5" not in plain(warning_sign.against_trivial(models))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("worse", "is behind it, also"),
        ("better", "is ahead of it, also"),
        ("undecided", "indistinguishable"),
    ],
)
def test_the_paired_comparison_decides_when_it_was_made(models, outcome, words):
    model = models[0]
    against = [{"score": "unigram_nll", "outcome": outcome}]
    level = {"contenders": {"n_active": {"against": against}}}
    verdict = {"by_shift": {"python": {"chosen": level}}}
    told = ProbeResults(model.name, model.tables, model.setup, {}, {}, verdict)
    assert words in plain(warning_sign.separated([told])[:1])


def test_where_n_active_beats_the_others_and_where_not(models):
    record = {
        "better": ["entropy"],
        "worse": ["mahalanobis", "knn_distance"],
        "undecided": ["relative_mahalanobis"],
    }
    level = {
        "best": {"score": "nll"},
        "best_label_free": {"score": "n_active_two_sided"},
        "contenders": {"n_active": {"record": record}},
    }
    rest = {**level, "best_label_free": {"score": "mahalanobis"}}
    verdict = {
        "by_shift": {"python": {"token": rest, "chosen": level}},
        "activation_fit": {"n_tokens": 9000, "n_outliers": 12, "n_clusters": 16, "bank_tokens": 50},
    }
    model = models[0]
    told = ProbeResults(model.name, model.tables, model.setup, {}, {}, verdict)
    text = plain(warning_sign.standing([told]))
    assert "python, as theory expects: among the 4 other scores that do without perplexity" in text
    assert "n_active is ahead of" in text
    assert "behind Mahalanobis and kNN distance" in text
    assert "indistinguishable from relative Mahalanobis." in text
    assert "in 1 of 2 comparisons" in text
    fitted = plain(warning_sign.fitted([told]))
    assert "9,000 tokens" in fitted and "12 norm outliers" in fitted and "16 clusters" in fitted
    record["better"], record["undecided"] = [], []
    text = plain(warning_sign.standing([told]))
    assert "n_active is behind Mahalanobis and kNN distance." in text and "ahead" not in text


def test_what_lies_above_the_fixed_threshold_is_counted(models):
    rows = [
        {"positions": "without_bos", "n_above": 12, "n_outliers_above": 9},
        {"positions": "without_bos", "n_above": 3, "n_outliers_above": 3},
        {"positions": "all", "n_above": 900, "n_outliers_above": 900},
    ]
    guardrail = {"fixed_rule": {"threshold": 500, "corpora": rows}}
    told = ProbeResults("m", models[0].tables, {}, {}, guardrail, {})
    text = plain(levels_of_k.massive([told]))
    assert "of the 15 tokens with more than 500 active atoms" in text
    assert "12 have an activation over ten times" in text
    rows[:] = [{"positions": "without_bos", "n_above": 0, "n_outliers_above": 0}]
    assert not levels_of_k.massive([told])


def test_what_rounding_moves_is_said_and_what_it_leaves(models):
    (text,) = [plain([sentence]) for sentence in rounding.rounding(models[:1])]
    assert "40.0 % have the same k in float32 and in bfloat16" in text
    assert "moves by 0.6 on average at most" in text and "largest k moves by 516 on random" in text
    assert "50.0 % of the sequences in float32 and on 25.0 % in bfloat16: rounding" in text
    calm = changed(models[0], "rounding", lambda t: t.assign(above_bfloat16=t["above_float32"]))
    assert "which texts" not in plain(rounding.rounding([calm]))
    assert not rounding.rounding([ProbeResults("m", {})])


def test_like_is_compared_with_like(models):
    text = [plain([sentence]) for sentence in warning_sign.separated(models[:1])]
    one, two = (next(t for t in text if f"python, {side}" in t) for side in SIDES.values())
    assert "two-sided" not in one and "token frequency (two-sided), has" in two


def test_the_levels_say_what_outliers_do_and_how_one_was_chosen(models):
    model = models[0]
    verdict = {
        "level_criterion": "some criterion",
        "level_choice": {"n_active": {"level": "sequence_median", "reliability": {}}},
    }
    told = ProbeResults(model.name, model.tables, model.setup, {}, {}, verdict)
    text = plain(levels_of_k.by_level([told]))
    assert "massive activations decide a mean" in text
    assert "some criterion. For n_active that is the median of a sequence." in text
    flat = changed(model, "uncertainty", lambda t: t.assign(auroc=0.5))
    assert "massive" not in plain(levels_of_k.by_level([flat]))


def test_scores_that_read_the_same_are_level(models):
    near = changed(
        models[0],
        "uncertainty",
        lambda t: t.assign(
            auroc=t["auroc"].where(t["score"] != "n_active", t["auroc"].max() + 1e-4)
        ),
    )
    near = changed(
        near,
        "uncertainty",
        lambda t: t.assign(
            auroc=t["auroc"].where(t["score"] != "unigram_nll", t["auroc"].max() - 2e-4)
        ),
    )
    assert "so n_active is level with it" in plain(warning_sign.separated([near]))


def test_the_paper_rule_is_judged_on_the_sequences_of_random_tokens(models):
    assert "does not flag every sequence" in plain(alarm.fixed_rule(models[:1]))
    model = models[0]
    fixed = model.guardrail["fixed_rule"]
    rows = [{**row, "sequence_rate": 1.0, "document_rate": 1.0} for row in fixed["corpora"]]
    facts = {**model.guardrail, "fixed_rule": {**fixed, "corpora": rows}}
    perfect = ProbeResults(model.name, model.tables, model.setup, {}, facts, {})
    text = plain(alarm.fixed_rule([perfect]))
    assert "does flag every sequence" in text
    assert (
        "here the paper’s “100 %” is 100 % of random, counted by document, at a false-alarm "
        "rate of 100 % on english" in text
    )
    assert "the calibrated alarm catches 64.0 % at 4.3 %" in text


def test_a_guardrail_no_better_than_chance_is_named(models):
    assert "no more than the false alarms" not in plain(alarm.guarded(models))
    model = models[0]
    measured = model.guardrail["measured"]
    rates = measured["detection"]["python"] | {"rate": 0.02}
    weaker = {**measured, "detection": {**measured["detection"], "python": rates}}
    facts = {**model.guardrail, "measured": weaker}
    weak = ProbeResults(model.name, model.tables, model.setup, {}, facts, {})
    assert "On python that is no more than the false alarms" in plain(alarm.guarded([weak]))


def test_the_guardrail_is_told_with_its_spread_over_splits(models):
    text = plain(alarm.guarded(models[:1]))
    for part in (
        "at most 5.0 % of fresh in-distribution documents raise the alarm",
        "over 200 fresh splits, the share averages 4.8 % and ranges from 2.4 % to 7.2 %",
        "keep to that rate in 95.0 % of all calibrations; with them, 1.2 % of the held-out",
        "2.0 % of those with 1 sequence and 10.0 % of those with 4 sequences raise the alarm",
        "the median was chosen on 52 further in-distribution documents",
        "190 of 200 fresh splits also choose it",
        "random 64.0 % (over the splits 32.0 % to 96.0 %, 64.0 % on average)",
    ):
        assert part in text


def test_who_crosses_first_is_ordered_by_n(models):
    text = plain(side_by_side.first_to_cross(models))
    assert "synthetic-b has the largest margin" in text
    assert re.search(
        r"non-vacuous for synthetic-\w at N ≈ 15,187 and synthetic-\w at N ≈ 15,187\.", text
    )
    late = changed(models[1], "bounds", lambda t: t.assign(total=t["total"] + 50.0))
    text = plain(side_by_side.first_to_cross([models[0], late]))
    assert "For synthetic-b, it stays vacuous at every N measured" in text
    assert side_by_side.first_to_cross(models[:1]) == []


def test_readings_of_nothing_are_empty():
    bare = [ProbeResults("bare", {})]
    found = {entry.name: entry.write(bare) for entry in readings()}
    (said,) = found.pop("certified")
    assert "no certificate was computed" in said
    assert found == {name: [] for name in found}


def test_the_setup_counts_what_was_dropped(models):
    rows = setup_rows.corpus_rows(models)
    assert rows[0] == ["synthetic-a", "english", "id", "100,000", "782", "312"]
    corpus, account, _ = setup_rows.account_rows(models)[0]
    assert corpus == "synthetic-a, english" and "too short 41" in account
    labels = [row[0] for row in setup_rows.facts_rows(models)]
    assert "SAE: atoms in the dictionary, m" in labels and "engine: arithmetic" in labels
