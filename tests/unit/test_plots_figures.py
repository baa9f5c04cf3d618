"""What the figures show: read back from the drawn objects, not from pictures."""

import dataclasses
import itertools
import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from overlaps import faults
from results_factory import TOP_K, write_results

from semdim.errors import ArtifactError
from semdim.plots.catalogue import FIGURES, figures
from semdim.plots.documents_axis import document_ticks
from semdim.plots.families import main_certificate, published
from semdim.plots.figures.ablations import ablations
from semdim.plots.figures.auroc_table import _is_dark, auroc_table
from semdim.plots.figures.bound_vs_n import PUBLISHED_TERMS, bound_vs_n
from semdim.plots.figures.cross_model import cross_model
from semdim.plots.figures.guardrail import guardrail_rates
from semdim.plots.figures.k_variance import percent
from semdim.plots.figures.risk_by_sparsity import risk_by_sparsity
from semdim.plots.figures.roc import roc, roc_choice
from semdim.plots.figures.sparsity_histograms import log_binned, sparsity_histograms
from semdim.plots.figures.topk_frontier import topk_frontier
from semdim.plots.selections.bin_rows import bin_label, sparsity_bins
from semdim.plots.selections.block_rows import block, sae_gap
from semdim.plots.selections.pool_rows import pool_rows
from semdim.plots.selections.proxy_rows import ablation_rows, faithfulness_rows, proxy_words
from semdim.plots.selections.score_rows import auroc_matrix, main_level
from semdim.plots.selections.topk_rows import best_k, topk_rows
from semdim.plots.style import TERM_COLOURS, corpus_colours, count_label, save
from semdim.report.readings.side_by_side import by_layer
from semdim.results.read import ProbeResults, read_results
from semdim.results.schema import TABLES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


def without(model: ProbeResults, *names: str) -> ProbeResults:
    tables = {name: table for name, table in model.tables.items() if name not in names}
    return ProbeResults(model.name, tables, model.setup, {}, model.guardrail, model.verdict)


def texts(figure: Figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(found)


def test_the_shaded_shares_add_up_to_the_bound(models):
    figure = bound_vs_n(models[:1])
    axes = figure.axes[0]
    areas = [item for item in axes.collections if isinstance(item, PolyCollection)]
    assert len(areas) == len(PUBLISHED_TERMS)
    top = areas[-1].get_paths()[0].vertices[:, 1].max()
    main = published(models[0])
    assert main is not None
    assert top == pytest.approx(main.points["total"].max())
    black = [line for line in axes.lines if line.get_linewidth() == 2.4]
    assert np.allclose(black[0].get_ydata(), main.points["total"])


def test_figure_1_has_log2_v_dashed_holdout_and_the_marked_n(models):
    figure = bound_vs_n(models)
    assert len(figure.axes) == len(models)
    for axes, model in zip(figure.axes, models, strict=True):
        assert axes.get_xscale() == "log" and axes.get_ylim()[0] == 0.0
        level = [line for line in axes.lines if set(line.get_ydata()) == {model.baseline}]
        assert any(line.is_dashed() for line in level)
        main = published(model)
        assert main is not None and main.crossing is not None
        rings = [line for line in axes.lines if line.get_markersize() == 7]
        assert rings[0].get_xdata()[0] == pytest.approx(main.crossing.interpolated)
    words = texts(figure)
    assert "holdout on the model itself (betting)" in words
    assert "NOT CERTIFICATES" in words and "below log₂V" in words
    assert "Dudley, constants kept" in words
    # The N that README and the report print, to the token, and not one read off the line.
    assert words.count("N ≈ 15,187 tokens") == len(models)


def test_a_line_that_never_comes_into_view_is_named_as_such(models):
    table = models[0].table("bounds").copy()
    table.loc[table["family"] == "covering_dudley", "total"] += 500.0
    words = texts(bound_vs_n([ProbeResults("m", {"bounds": table})]))
    assert "Dudley, constants kept ↑" in words and "above the axis at every N" in words


def test_certificates_have_markers_and_the_others_none(models):
    axes = bound_vs_n(models[:1]).axes[0]
    green = [line for line in axes.lines if line.get_color() == "#228833"]
    assert green and all(line.get_marker() not in ("", "None") for line in green)
    dotted = [line for line in axes.lines if line.get_color() == "#888888"]
    assert dotted and all(line.get_marker() in ("", "None") for line in dotted)


def test_the_documents_of_a_certificate_stand_above_its_tokens(models):
    rows = models[0].table("bounds")
    own = rows[(rows["family"] == "holdout") & (rows["method"] == "betting")]
    expected = own.drop_duplicates("n_units", keep="last")
    assert document_ticks(models[0]) == list(
        zip(expected["n_tokens"].astype(float), expected["n_units"].astype(int), strict=True)
    )
    figure = bound_vs_n(models[:1])
    figure.draw_without_rendering()
    top = figure.axes[0].child_axes[0]
    assert top.get_xlabel() == "whole documents behind a certificate"
    labels = [label.get_text() for label in top.get_xticklabels()]
    assert labels[-1] == f"{int(own['n_units'].max()):,}" and 2 <= len(labels) <= 12
    by_token = rows.assign(unit="token")
    assert document_ticks(ProbeResults("tokens", {"bounds": by_token})) == []


def test_lines_of_one_n_belong_together_though_their_tokens_differ(models):
    """A certificate's N of the grid is that of the published row, its tokens are its own."""
    table = models[0].table("bounds").copy()
    table["n_tokens_asked"] = table["n_tokens"]
    certified = table["is_certificate"]
    table.loc[certified, "n_tokens"] = (0.8 * table.loc[certified, "n_tokens"]).astype(int)
    fewer = ProbeResults("fewer", {"bounds": table})
    largest = int(table["n_tokens_asked"].max())
    assert len(published(fewer).points) == len(main_certificate(fewer).points)
    assert main_certificate(fewer).last["n_tokens"] == int(0.8 * largest)
    assert len(sparsity_bins(fewer)) == len(sparsity_bins(models[0])) > 0
    assert {int(n) for n in topk_rows(fewer)["n_tokens_asked"]} <= set(table["n_tokens_asked"])


def test_no_ring_where_the_bound_stays_vacuous(models):
    table = models[0].table("bounds").copy()
    table["total"] += 100.0
    figure = bound_vs_n([ProbeResults("vacuous", {"bounds": table})])
    assert "below log₂V" not in texts(figure)
    assert not [line for line in figure.axes[0].lines if line.get_markersize() == 7]


def five_corpora(model: ProbeResults) -> ProbeResults:
    """The study with two near shifts, under the long names that they have."""
    tables = dict(model.tables)
    for name in ("uncertainty", "roc"):
        table = tables[name]
        near = table[table["shift"] == "replaced"]
        rest = table[table["shift"] != "replaced"]
        parts = [near.assign(shift=f"english_{kind}") for kind in ("replaced", "shuffled")]
        tables[name] = pd.concat([rest, *parts], ignore_index=True)
    return ProbeResults(model.name, tables, model.setup)


def test_four_shifts_with_long_names_do_not_run_into_each_other(models):
    model = five_corpora(models[0])
    figure = roc([model])
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    for words in (
        [axes.xaxis.label for axes in figure.axes],
        [axes._left_title for axes in figure.axes],
    ):
        boxes = [text.get_window_extent() for text in words]
        assert all(text.get_text() for text in words)
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    labels = auroc_table([model]).axes[0].get_xticklabels()
    assert len(labels) == 8 and {label.get_rotation() for label in labels} == {35.0}


def is_named(axis: Axis) -> bool:
    """Whether an axis has a label, or ticks in words."""
    ticks = "".join(label.get_text() for label in axis.get_ticklabels())
    return bool(axis.get_label_text()) or any(letter.isalpha() for letter in ticks)


def what_exists(how: str) -> list[str]:
    """The stages, settings, families, files and experiments that a hint names; all must exist."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    found = []
    for stage in re.findall(r"\b(?:stage|of) (\w+_\w+)", how):
        assert (ROOT / "stages" / f"{stage}.py").is_file(), stage
        found.append(stage)
    for group, key in re.findall(r"\b(grid|bound)\.(\w+)", how):
        assert key in params[group], f"{group}.{key}"
        found.append(f"{group}.{key}")
    for name in re.findall(r"experiment=(\w+)", how):
        assert (ROOT / "conf" / "experiment" / f"{name}.yaml").is_file(), name
        found.append(name)
    assert set(re.findall(r"(\w+)\.csv", how)) <= set(TABLES)
    return found


def test_a_hint_that_names_nothing_or_what_does_not_exist_is_found():
    assert what_exists("it depends on the weather, as so many things do") == []
    for wrong in ("the stage draw_lots", "the setting bound.luck", "experiment=nothing", "a.csv"):
        with pytest.raises(AssertionError):
            what_exists(wrong)


@pytest.mark.parametrize("spec", figures(), ids=lambda spec: spec.name)
def test_each_figure_draws_names_its_axes_and_keeps_legends_off_the_data(models, spec):
    if spec.name == "layer_sweep":
        models = at_blocks(models[0], [f"blocks.{i}.hook_resid_pre" for i in (3, 9, 15, 21)])
        models = [losing(model, share) for model, share in zip(models, GAPS, strict=True)]
    assert spec.can_draw(models)
    figure = spec.draw(models)
    assert faults(figure) == []  # which lays the figure out
    for axes in figure.axes:
        if not axes.axison or spec.name == "auroc_table" or axes.get_label() == "<colorbar>":
            continue  # a colour bar has its one label at its side
        assert is_named(axes.xaxis) and is_named(axes.yaxis), spec.name
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert all(not box.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert spec.narrow is None or faults(spec.narrow(models)) == []


@pytest.mark.parametrize("name", ["at_a_glance", "guardrail"])
def test_words_of_the_default_run_stand_clear_of_each_other(name):
    assert faults(FIGURES[name].draw(read_results(ROOT / "results/probes"))) == []


def test_words_that_cannot_be_read_are_found():
    figure = Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.set_xticks([0.1, 0.9])
    axes.plot([0, 1], [0, 1])
    axes.plot([0.2], [0.9], "o")
    axes.stairs([0.1, 0.3], [0.6, 0.8, 1.0])
    axes.axhline(0.55, linestyle="--")
    for x, y, words in (
        (0.1, 0.7, "clear"), (0.7, 0.55, "on the scale"),
        (0.30, 0.3, "on a curve"), (0.21, 0.89, "at a marker"), (0.85, 0.29, "on a step"),
        (0.02, 0.40, "one"), (0.05, 0.42, "another"), (0.9, 0.45, "beyond the figure"),
    ):  # fmt: skip
        axes.text(x, y, words, fontsize=8)
    assert sorted(faults(figure)) == [
        "'at a marker' over a line",
        "'beyond the figure' is cut off",
        "'on a curve' over a line",
        "'on a step' over a line",
        "'one' over 'another'",
    ]


@pytest.mark.parametrize("spec", figures(), ids=lambda spec: spec.name)
def test_a_figure_whose_data_is_absent_is_not_drawable_and_says_what_computes_it(models, spec):
    empty = [ProbeResults("bare", {}), ProbeResults("bare too", {})]
    assert not spec.can_draw(empty)
    assert spec.lacking(empty) == ["bare", "bare too"]
    assert what_exists(spec.how), f"{spec.how}: names nothing that computes it"


def test_a_model_that_lacks_the_data_is_skipped_by_name(models):
    mixed = [models[0], without(models[1], "uncertainty")]
    spec = FIGURES["auroc_table"]
    assert spec.can_draw(mixed) and spec.lacking(mixed) == ["synthetic-b"]
    drawn = [axes for axes in spec.draw(mixed).axes if axes.get_label() != "<colorbar>"]
    assert len(drawn) == 1
    assert not FIGURES["cross_model"].can_draw(models[:1])


def test_histograms_are_shares_and_the_one_with_position_0_is_logarithmic(models):
    figure = sparsity_histograms(models[:1])
    scales = [axes.get_yscale() for axes in figure.axes]
    assert scales == ["linear", "log"]
    assert [a.get_yscale() for a in sparsity_histograms(models[:1], log_count=True).axes] == [
        "log",
        "log",
    ]
    means = models[0].table("sparsity").query("positions == 'without_bos'")["mean"]
    dashes = [float(line.get_xdata()[0]) for line in figure.axes[0].lines]
    assert sorted(dashes) == pytest.approx(sorted(means))


def test_tokens_beyond_the_axis_are_counted_not_dropped(models):
    table = models[0].table("sparsity_histogram").copy()
    far = table[(table["corpus"] == "english") & (table["positions"] == "without_bos")].iloc[-1:]
    far = far.assign(left=5000, right=5004, count=3)
    one = ProbeResults("m", {**models[0].tables, "sparsity_histogram": pd.concat([table, far])})
    label = sparsity_histograms([one]).axes[0].get_xlabel()
    assert re.search(r"\nbeyond: english 3\b.* tokens$", label, re.S), label


def test_ablation_bars_carry_risk_and_gap(models):
    rows = ablation_rows(models[0])
    assert list(rows["proxy"])[:2] == ["model", "sae"]
    words = texts(ablations(models[:1]))
    sae = rows.iloc[1]
    assert f"{sae['risk']:.2f} + {sae['abs_gap']:.2f}" in words
    assert "SAE reconstruction, BOS replaced too" in set(rows["words"])


def test_a_splice_in_the_name_is_the_same_proxy():
    assert proxy_words("sae_all", "all", "no_bos") == "SAE reconstruction, BOS replaced too"
    assert proxy_words("sae_no_bos", "no_bos", "no_bos") == "SAE reconstruction"
    assert proxy_words("topk_32", "no_bos", "no_bos") == "at most 32 atoms"


def test_faithfulness_is_taken_at_the_largest_n(models):
    rows = faithfulness_rows(models[0])
    assert next(iter(rows["proxy"])) == "sae"
    assert (rows["total"] >= rows["gap"]).all()


def test_the_frontier_marks_the_smallest_certificate(models):
    best = best_k(models[0])
    table = models[0].table("bounds").query("family == 'srm_topk_frontier'")
    for _, row in best.iterrows():
        here = table[table["n_tokens"] == row["n_tokens"]]
        assert row["total"] == here["total"].min()
    axes = topk_frontier(models[:1]).axes[0]
    stars = [line for line in axes.lines if line.get_marker() == "*"]
    assert stars and all(float(star.get_xdata()[0]) in TOP_K for star in stars)


def test_pool_rows_split_the_total_into_measured_and_penalty(models):
    rows = pool_rows(models[0])
    assert np.allclose(rows["measured"] + rows["penalty"], rows["total"])


def test_bins_are_read_from_the_details(models):
    bins = sparsity_bins(models[0])
    labels = [
        bin_label(left, right) for left, right in zip(bins["left"], bins["right"], strict=True)
    ]
    assert labels == ["up to 45", "45–55", "55–70", "above 70"]


def test_a_bin_without_units_has_its_ceiling_and_no_bar_text(models):
    table = models[0].table("bounds").copy()
    chosen = table.index[table["family"] == "risk_by_sparsity"][0]
    table.loc[chosen, "proxy_risk"] = float("nan")
    table.loc[chosen, "total"] = 16.58
    figure = risk_by_sparsity([ProbeResults("m", {"bounds": table})])
    assert figure.axes[0].get_xlabel().startswith("mean n_active of the document (")
    words = texts(figure)
    assert "nan" not in words and "16.58" in words


def test_the_heat_map_keeps_every_value_of_the_comparison(models):
    matrix = auroc_matrix(models[0])
    table = models[0].table("uncertainty").query("level == 'chosen'")
    assert matrix.notna().all().all() and matrix.size == len(table)
    for _, row in table.iterrows():
        score = row["score"].removesuffix("_two_sided")
        assert matrix.at[score, (row["two_sided"], row["shift"])] == row["auroc"]


def test_results_without_chosen_levels_are_shown_by_their_means(models):
    old = models[0].table("uncertainty").query("level in ('token', 'sequence_mean')")
    matrix = auroc_matrix(ProbeResults("old", {"uncertainty": old.drop(columns="two_sided")}))
    expected = old.query("score == 'energy' and shift == 'python' and level == 'sequence_mean'")
    assert matrix.at["energy", (False, "python")] == expected["auroc"].iloc[0]


def test_roc_shows_both_contenders_and_the_best_others(models):
    chosen = roc_choice(models[0], "python")
    assert chosen[:2] == ["n_active", "n_active_two_sided"] and chosen[2] == "nll"


def test_guardrail_rates_come_from_the_file(models):
    rates = guardrail_rates(models[0])
    caught = rates[(rates["rule"] == "average") & (rates["corpus"] == "random")].iloc[0]
    facts = models[0].guardrail
    assert caught["rate"] == facts["measured"]["detection"]["random"]["rate"]
    assert caught["largest"] == facts["stability"]["detection"]["random"]["max"]
    assert set(rates["rule"]) == {"average", "confident", "fixed"}
    fixed = rates[(rates["rule"] == "fixed") & (rates["corpus"] == "random")].iloc[0]
    assert fixed["rate"] == 0.04  # of documents, as the others


def test_a_guardrail_of_an_earlier_version_is_refused(models):
    old = replace(models[0], guardrail={"schema": "guardrail/1", "threshold": 195.0})
    with pytest.raises(ArtifactError, match=r"'guardrail/1'.*`dvc repro measure_uncertainty`"):
        guardrail_rates(old)


def test_cross_model_needs_each_models_own_baseline(models):
    figure = cross_model(models)
    levels = {float(line.get_ydata()[0]) for line in figure.axes[0].lines if line.is_dashed()}
    assert sorted(levels) == pytest.approx(sorted(model.baseline for model in models))


def at_blocks(model, hooks):
    """One language model, read at several hook points."""
    sae = model.setup["sae"]
    entries = []
    for i, hook in enumerate(hooks):
        setup = {**model.setup, "sae": {**sae, "hook_point": hook}}
        entries.append(dataclasses.replace(model, name=f"entry-{i}", setup=setup))
    return entries


GAPS = (1.2, 1.0, 1.4, 1.9)
"""A valley and two slopes."""


def losing(model, share):
    """The same with a gap that is `share` times as large."""
    table = model.table("bounds").copy()
    table.loc[table["family"] == "faithfulness", "gap"] *= share
    table.loc[table["family"] == "as_published", "total"] += share
    return dataclasses.replace(model, tables={**model.tables, "bounds": table})


def test_blocks_of_one_model_are_drawn_in_their_order(models):
    spec = FIGURES["layer_sweep"]
    entries = at_blocks(
        models[0],
        ["blocks.20.hook_resid_pre", "blocks.3.hook_resid_pre", "blocks.9.hook_resid_post"],
    )
    assert [block(entry) for entry in entries] == [20, 3, 10]
    assert not spec.can_draw(models) and not spec.can_draw(entries[:2])
    assert spec.can_draw(entries)
    figure = spec.draw(entries)
    gap = next(a for a in figure.axes if "gap" in a.get_title(loc="left"))
    line = next(line for line in gap.lines if len(line.get_xdata()) == 3)
    assert list(line.get_xdata()) == [3, 10, 20]
    assert line.get_ydata() == pytest.approx([sae_gap(models[0])[0]] * 3)
    assert "of the 3 blocks measured" in str(by_layer(entries)[0])


def test_colours_have_one_meaning_each():
    assert len(set(TERM_COLOURS.values())) == len(TERM_COLOURS)
    colours = corpus_colours({"a": "id", "b": "shifted", "c": "shifted", "d": "far", "e": "odd"})
    assert len(set(colours.values())) == len(colours)


def test_counts_are_readable():
    assert [count_label(value) for value in (500, 1000, 25_000, 2_000_000)] == [
        "500",
        "1k",
        "25k",
        "2M",
    ]


def test_files_are_byte_identical_on_a_second_run_and_hold_no_date(models, tmp_path):
    first = save(topk_frontier(models), tmp_path / "a", "f")
    second = save(topk_frontier(models), tmp_path / "b", "f")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    text = first[1].read_text()
    assert "<dc:date>" not in text and "matplotlib.org" not in text.split("<defs>")[0][:2000]


def test_wider_bins_lose_no_token_and_leave_no_hole():
    rng = np.random.default_rng(0)
    left = np.arange(0, 7000, 12.0)
    part = pd.DataFrame({"left": left, "right": left + 12.0, "count": rng.poisson(3.0, len(left))})
    wide = log_binned(part)
    assert wide["count"].sum() == part["count"].sum()
    assert (wide["left"].to_numpy()[1:] == wide["right"].to_numpy()[:-1]).all()
    assert len(wide) < 50 and (wide["right"] / wide["left"])[2:-1].min() > 10 ** (1 / 12) - 0.02


def test_white_text_stands_on_dark_cells_only():
    colours = matplotlib.colormaps["PuOr_r"]
    assert _is_dark(colours(0.0)) and _is_dark(colours(1.0)) and not _is_dark(colours(0.5))


def test_a_star_stands_only_where_a_certificate_says_something(models):
    table = models[0].table("bounds").copy()
    frontier = table["family"] == "srm_topk_frontier"
    table.loc[frontier & (table["n_tokens"] == table["n_tokens"].max()), "total"] += 20.0
    n_stars = [
        sum(line.get_marker() == "*" for line in topk_frontier([model]).axes[0].lines)
        for model in (models[0], ProbeResults("m", {"bounds": table}))
    ]
    assert n_stars[1] == n_stars[0] - 1


def test_the_best_scores_are_drawn_once_each_with_their_auroc(models):
    for shift in ("python", "random"):
        others = roc_choice(models[0], shift)[2:]
        assert len({score.removesuffix("_two_sided") for score in others}) == len(others) == 3
    rows = models[0].table("uncertainty")
    rows = rows[(rows["shift"] == "python") & rows["score"].isin(roc_choice(models[0], "python"))]
    rows = rows[rows["level"] == main_level(models[0])]
    expected = f"AUROC {rows['auroc'].min():.3f} to {rows['auroc'].max():.3f}"
    assert expected in texts(roc(models[:1]))


def test_shares_have_a_true_minus_and_none_before_zero():
    assert [percent(share) for share in (-0.0004, 0.0, -0.072, 0.818)] == [
        "0 %", "0 %", "−7 %", "82 %",
    ]  # fmt: skip
