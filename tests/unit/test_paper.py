"""The paper's own numbers, and what stands beside them: tables, figure, sentences."""

import re

import numpy as np
import pandas as pd
import pytest
from bounds_factory import FACTS, sample
from results_factory import write_results

from semdim.paper import (
    CROSSING_N,
    GEMMA_2B,
    GPT2_SMALL,
    LAST_N,
    MODELS,
    PICTURE_BITS,
    PICTURE_N,
)
from semdim.plots.catalogue import FIGURES
from semdim.plots.families import published
from semdim.plots.figures.bound_vs_n import bound_vs_n
from semdim.plots.figures.paper_figure1 import paper_figure1
from semdim.plots.selections.topk_rows import best_k
from semdim.plots.tables.paper_figure1 import paper_figure1_table
from semdim.plots.tables.paper_table1 import paper_table1
from semdim.plots.tables.radii import radii_table
from semdim.report.readings.choices import frontier
from semdim.report.readings.paper_quantities import radii, relative_k, ssd_root
from semdim.report.readings.published_bound import dudley, figure1
from semdim.results.read import ProbeResults, read_results
from semdim.results.write_proxies import proxies_of_ledger


@pytest.fixture(scope="module")
def probes(tmp_path_factory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


def plain(sentences: list) -> str:
    return re.sub(r"<[^>]+>", "", " ".join(str(sentence) for sentence in sentences))


def test_the_formula_goes_through_the_point_of_the_picture() -> None:
    assert GPT2_SMALL.bound(PICTURE_N) == pytest.approx(15.5670, abs=6e-5)
    assert round(GPT2_SMALL.bound(PICTURE_N), 2) == PICTURE_BITS
    assert GPT2_SMALL.terms(PICTURE_N).complexity == pytest.approx(8.595289, abs=6e-7)
    assert GPT2_SMALL.terms(LAST_N).complexity == pytest.approx(4.305202, abs=6e-7)
    assert GEMMA_2B.terms(PICTURE_N).complexity == pytest.approx(9.414935, abs=6e-7)
    assert GEMMA_2B.bound(PICTURE_N) is None
    below = GPT2_SMALL.bound(CROSSING_N)
    assert below is not None and below < GPT2_SMALL.terms(CROSSING_N).baseline


def test_k_over_d_model_is_078_and_028() -> None:
    assert [round(model.relative_k, 3) for model in MODELS] == [0.078, 0.028]


def test_table_1_is_quoted_cell_by_cell_and_ours_follow(probes) -> None:
    table = paper_table1(probes)
    quoted = table.data[table.data["source"] != "here"]
    assert quoted["mean"].tolist() == [59.77, 62.03, 87.35, 58.19, 56.06, 69.96]
    assert quoted["std"].tolist() == [17.87, 17.08, 24.45, 17.13, 19.90, 46.75]
    assert quoted["max"].tolist() == [162, 177, 364, 249, 330, 1539]
    ours = table.data[table.data["source"] == "here"]
    assert len(ours) == 8
    english = (
        probes[0].table("sparsity").query("corpus == 'english' and positions == 'without_bos'")
    )
    assert ours["mean"].iloc[0] == float(english["mean"].iloc[0])
    assert ours["relative_k"].iloc[0] == pytest.approx(float(english["mean"].iloc[0]) / 576)


def test_figure_1_in_numbers_adds_up_and_gives_the_margin(probes) -> None:
    table = paper_figure1_table(probes)
    data = table.data.set_index(["model", "n_tokens"])
    paper = data.loc[("GPT-2 Small", LAST_N)]
    assert paper["margin"] == pytest.approx(15.617037 - 6.7182 - 4.305202 - 0.126957, abs=2e-6)
    assert np.isnan(data.loc[("Gemma-2B", LAST_N)]["total"])
    ours = data.loc[("synthetic-a", 100_000)]
    assert ours["total"] == pytest.approx(ours["risk_plus_gap"] + ours["complexity"] + ours["tail"])
    assert ours["ssd_root"] == pytest.approx((ours["ssd_nats"] / 100_000) ** 0.5)
    assert ours["relative_k"] == pytest.approx(58.0 / 576)
    assert "it is 0.089 at N = 10⁵" in table.note
    empty = ProbeResults("nothing", {})
    assert not paper_figure1_table([empty]).rows and not paper_table1([empty]).rows


def test_the_figure_has_the_papers_point_and_every_measured_one(probes) -> None:
    axes = paper_figure1(probes).axes[0]
    lines = {line.get_color(): line for line in axes.lines if line.get_marker() == "o"}
    for probe, line in zip(probes, lines.values(), strict=True):
        curve = published(probe)
        assert curve is not None
        assert np.array_equal(line.get_ydata(), curve.points["total"])
    [point] = [line for line in axes.lines if line.get_marker() == "s"]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (PICTURE_N, PICTURE_BITS)
    assert not FIGURES["paper_figure1"].can_draw([ProbeResults("nothing", {})])


def test_the_unigram_baseline_is_drawn_and_said(probes) -> None:
    levels = [set(line.get_ydata()) for line in bound_vs_n(probes[:1]).axes[0].lines]
    assert {11.6} in levels
    words = plain(figure1(probes[:1]))
    assert "pays 11.60 bits; the formula is below that only from N ≈ 62,046 on" in words
    without = ProbeResults("m", probes[0].tables, headline={})
    assert "token frequencies" not in plain(figure1([without]))
    never = ProbeResults("m", probes[0].tables, headline={"unigram_baseline": 5.0})
    assert "is never below that" in plain(figure1([never]))


def test_the_integral_itself_stands_beside_jensens_bound(probes) -> None:
    table = probes[0].table("bounds").copy()
    assert "with the integral itself" not in plain(dudley(probes[:1]))
    rows = table["family"] == "covering_dudley"
    table.loc[rows, "complexity_exact"] = 0.999 * table.loc[rows, "complexity"]
    told = ProbeResults("m", {**probes[0].tables, "bounds": table})
    exact = float(table.loc[rows, "complexity_exact"].iloc[-1])
    assert f"({exact:.2f} with the integral itself)" in plain(dudley([told]))


def test_the_sentences_give_root_ratio_and_radii(probes) -> None:
    curve = published(probes[0])
    assert curve is not None
    root = (float(curve.last["ssd_nats"]) / 100_000) ** 0.5
    assert f"√(SSD/N) is {root:.3f} at N = 100,000" in plain(ssd_root(probes))
    ratios = plain(relative_k(probes))
    assert f"{58 / 576:.3f} (synthetic-a)" in ratios
    assert "0.078 for its smaller model and 0.028 for its larger one" in ratios
    words = plain(radii(probes[:1]))
    assert "is 2,900; without position 0 it is 1,160" in words
    assert "Without the norm outliers (1 tokens, 0.0010 %) it is 174" in words
    assert radii([ProbeResults("m", {})]) == []


def test_the_radii_table_shows_both_radii_and_keeps_the_third_in_the_file(probes) -> None:
    table = radii_table(probes)
    assert len(table.rows) == 2 * 4 * 2 * 3 and len(table.data) == 2 * 4 * 3 * 3
    assert isinstance(radii_table([ProbeResults("m", {})]).data, pd.DataFrame)


def test_top_k_is_a_limit_and_the_share_it_leaves_alone_is_reported(probes) -> None:
    ledger, _ = sample()
    ledger = ledger.assign(nll_topk_28=ledger["nll_model"])
    splices = {"model": "", "sae": "no_bos", "topk_28": "no_bos"}
    table = proxies_of_ledger(ledger, splices, 0.5, FACTS.vocab_size).set_index("proxy")
    counted = ledger[~ledger["is_bos"]]
    assert table["uncut_share"]["topk_28"] == pytest.approx((counted["n_active"] <= 28).mean())
    assert 0.1 < table["uncut_share"]["topk_28"] < 0.9
    assert table["uncut_share"][["model", "sae"]].isna().all()
    proxies = probes[0].table("proxies").assign(uncut_share=0.594)
    cut = ProbeResults("m", {**probes[0].tables, "proxies": proxies})
    best = best_k(cut).iloc[-1]["k"]
    proxies["uncut_share"] = proxies["uncut_share"].where(proxies["k"] == best)
    assert "59 % of the tokens have no more active atoms than that" in plain(frontier([cut]))
    assert "nothing is cut" not in plain(frontier(probes))
