"""Tables: full precision as CSV, readable as Markdown, the best in bold."""

import pandas as pd
import pytest
from results_factory import PROBES, write_probe, write_results

from semdim.plots.catalogue import made_tables
from semdim.plots.draw import draw_all
from semdim.plots.selections.score_rows import score_words
from semdim.plots.tables.bounds_at_largest_n import bounds_table
from semdim.plots.tables.detection_at_rate import RULE, detection_at_rate, detection_rows
from semdim.plots.tables.levels_of_k import levels_of_k
from semdim.plots.tables.proxies import proxies_table
from semdim.plots.tables.references import reference_table
from semdim.plots.tables.rounding import rounding_table
from semdim.plots.tables.table1_sparsity import sparsity_table
from semdim.plots.tables.uncertainty_auroc import auroc_tables
from semdim.plots.tabulate import Table, number
from semdim.results.read import ProbeResults, read_results


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234.5, 2, "1,234.50"),
        (-0.0001, 2, "0.00"),
        (100000, 0, "100,000"),
        (float("nan"), 2, ""),
        (None, 2, ""),
        (-0.25, 2, "-0.25"),
    ],
)
def test_numbers_are_written_for_people(value, digits, text):
    assert number(value, digits) == text


def test_markdown_escapes_bars_and_leaves_out_empty_columns():
    table = Table("t", "T", ["a", "b", "|c|"], [["1", "", "x|y"]], pd.DataFrame({"a": [1]}))
    lines = table.to_markdown().splitlines()
    assert lines[2] == "| a | \\|c\\| |"
    assert lines[3] == "| --- | --- |"
    assert lines[4] == "| 1 | x\\|y |"


def test_table_1_has_every_corpus_with_and_without_position_0(models):
    table = sparsity_table(models)
    assert len(table.rows) == 2 * 2 * 4
    assert table.rows[0][1] == "english (id)"
    source = models[0].table("sparsity").query("corpus == 'random' and positions == 'all'")
    ours = table.data.query("probe == 'synthetic-a' and corpus == 'random' and positions == 'all'")
    assert float(ours["max"].iloc[0]) == float(source["max"].iloc[0])


def test_the_bounds_table_says_what_is_a_certificate_and_adds_up(models):
    table = bounds_table(models)
    data = table.data
    terms = data[["proxy_risk", "gap", "outside", "complexity", "tail", "gap_tail"]]
    assert terms.astype(float).fillna(0.0).sum(axis=1).to_numpy() == pytest.approx(
        data["total"].astype(float).to_numpy()
    )
    flags = {row[1]: row[2] for row in table.rows}
    assert flags["as published"] == "no" and flags["holdout on the model itself (betting)"] == "yes"
    dudley = next(row for row in table.rows if row[1].startswith("Dudley"))
    assert dudley[table.header.index("non-vacuous from N")] == "none"


def test_proxies_keep_signed_and_absolute_gap_apart(models):
    table = proxies_table(models)
    assert "means over sequences" in table.title and "not over documents" in table.note
    row = next(row for row in table.rows if row[1] == "SAE reconstruction")
    assert row[table.header.index("signed gap")].startswith("-")
    assert not row[table.header.index("mean |gap|")].startswith("-")


def test_bold_is_the_best_score_that_needs_no_label(models):
    table = auroc_tables(models)
    data = models[0].table("uncertainty")
    for i, _j in table.bold:
        assert "needs the label" not in table.rows[i][1]
    here = data.query("shift == 'python' and level == 'chosen' and not uses_labels")
    best = here.sort_values("auroc").iloc[-1]["score"]
    column = table.header.index("python")
    bold = [table.rows[i][1] for i, j in table.bold if j == column and i < data["score"].nunique()]
    assert bold == [score_words(best)]


def test_the_levels_of_k_show_what_the_mean_hides(models):
    told = {"n_active": {"level": "sequence_median", "reliability": {"sequence_median": 0.5}}}
    model = models[0]
    probe = ProbeResults(model.name, model.tables, verdict={"level_choice": told})
    table = levels_of_k([probe])
    assert [row[1] for row in table.rows] == [
        "per token", "mean of a sequence", "median of a sequence", "maximum of a sequence",
    ]  # fmt: skip
    assert [row[2] for row in table.rows] == ["", "", "0.50", ""]
    assert table.bold == {(2, 1)}
    value = model.table("uncertainty").query(
        "score == 'n_active' and level == 'sequence_median' and shift == 'python'"
    )["auroc"]
    assert table.rows[2][table.header.index("python")].startswith(f"{value.iloc[0]:.3f} (")
    assert not levels_of_k([]).rows


def test_the_rounding_of_k_stands_side_by_side(models):
    table = rounding_table(models)
    assert table.header[-2] == "sequences with k > 500"
    row = next(row for row in table.rows if row[:2] == [models[0].name, "random"])
    assert row[2:5] == ["2,032", "40.0 %", "1 / 3 / 4 / 3,407"]
    assert row[-3:] == ["5,000 / 4,999", "50 % / 25 %", "8 / 4"]
    assert len(table.rows) == len(table.data) == 8
    assert not rounding_table([ProbeResults("m", {})]).rows and not rounding_table([]).rows


def test_a_model_without_a_shift_leaves_its_cells_empty(models):
    fewer = models[1].table("uncertainty").query("shift == 'python'")
    other = ProbeResults("b", {"uncertainty": fewer})
    table = auroc_tables([models[0], other])
    assert all(len(row) == len(table.header) for row in table.rows)
    assert next(row for row in table.rows if row[0] == "b")[-1] == ""


def test_references_quote_no_number_that_we_did_not_measure_or_read(models):
    table = reference_table(models)
    assert list(made_tables(models))[-1] == table.name == "references"
    for row in table.rows:
        assert row[-2] and row[-1]
        if row[0].startswith("Lotfi"):
            assert row[2] == "" and row[3] == ""


def test_draw_all_writes_what_the_data_allows_and_nothing_else(tmp_path):
    folder = write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    for name in ("uncertainty", "roc", "sparsity_histogram", "sequence_histogram"):
        (folder / f"{name}.csv").unlink()
    (folder / "guardrail.json").unlink()
    bounds = pd.read_csv(folder / "bounds.csv")
    bounds = bounds[bounds["family"].isin(["as_published", "holdout"])]
    bounds.to_csv(folder / "bounds.csv", index=False)
    paths = draw_all(tmp_path / "probes", tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    assert names[:6] == [
        "figures/bound_vs_n.png",
        "figures/bound_vs_n.svg",
        "figures/paper_figure1.png",
        "figures/paper_figure1.svg",
        "figures/ablations.png",
        "figures/ablations.svg",
    ]
    assert [name for name in names[6:] if name.endswith(".csv")] == [
        "tables/paper_figure1.csv",
        "tables/bounds_at_largest_n.csv",
        "tables/table1_sparsity.csv",
        "tables/paper_table1.csv",
        "tables/radii.csv",
        "tables/proxies.csv",
        "tables/rounding.csv",
        "tables/error_scores.csv",
        "tables/references.csv",
    ]
    assert all(path.stat().st_size > 100 for path in paths)


def test_detection_is_read_off_the_curves_at_the_promised_rate(models):
    rows = detection_rows(models[0])
    alarm = models[0].guardrail
    rate, curves = alarm["alarm"]["false_alarm_rate"], models[0].table("roc")
    assert list(rows["shift"].drop_duplicates()) == list(alarm["measured"]["detection"])
    for shift, here in rows.groupby("shift"):
        assert here["score"].iloc[0] == RULE
        assert here["detected"].iloc[0] == alarm["measured"]["detection"][shift]["rate"]
        others = here.iloc[1:]
        assert others["detected"].is_monotonic_decreasing and len(others) == 11
        assert (others["false_alarms"] <= rate).all()
        for _, row in others.iterrows():
            own = curves[(curves["score"] == row["score"]) & (curves["shift"] == shift)]
            own = own[(own["level"] == "chosen") & (own["false_positive_rate"] <= rate)]
            assert row["detected"] == own["true_positive_rate"].max()
    table = detection_at_rate(models[:1])
    assert any(row[2] == "loss of the next token (needs the label)" for row in table.rows)
    assert detection_at_rate([ProbeResults("bare", {})]).rows == []
