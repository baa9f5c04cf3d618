"""Parts of the report: whose name is said, what a table shows, what verdict and ranks say."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import Markup
from results_factory import PROBES, write_probe, write_results

from semdim.plots.tables.ood_leaderboard import ood_leaderboard
from semdim.plots.tabulate import Table
from semdim.report.facts import header_facts
from semdim.report.files import Files
from semdim.report.made import Made, made_now
from semdim.report.page_tables import page_table
from semdim.report.spoken import capital, spoken
from semdim.report.verdict import verdicts
from semdim.results.read import ProbeResults, read_results


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> list[ProbeResults]:
    return read_results(write_results(tmp_path_factory.mktemp("results")))


def said(*texts: str, names: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    return [(t.probe, [str(s) for s in t.sentences]) for t in spoken([*map(Markup, texts)], names)]


def test_a_page_about_one_probe_never_says_its_name() -> None:
    texts = ("a: the risk falls.", "a, python: it rises.", "In general it does.")
    assert said(*texts, names=("a",)) == [
        ("", ["The risk falls."]), ("", ["Python: it rises."]), ("", ["In general it does."])
    ]  # fmt: skip


def test_a_page_about_several_says_each_name_once_and_what_is_general_alone() -> None:
    texts = ("a: one.", "a, x: two.", "a_b: three.", "All alike.", "a: four.")
    assert said(*texts, names=("a", "a_b", "c")) == [
        ("a", ["One.", "x: two."]),
        ("a_b", ["Three."]), ("", ["All alike."]), ("a", ["Four."]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a token", "A token"), ("python", "Python"), ("n_active is", "n_active is"),
        ("k* grows", "k* grows"), ("<em>x</em>", "<em>x</em>"), ("√N", "√N"), ("it’s", "it’s"),
    ],
)  # fmt: skip
def test_symbols_and_names_keep_their_small_letter(before: str, after: str) -> None:
    assert capital(Markup(before)) == after


def some_table(*names: str) -> Table:
    rows = [
        [name, f"{i}.50", "−1.20 (−2.00–1.00)", f"word {i}", ""] for i, name in enumerate(names)
    ]
    header = ["probe", "x", "y", "words", "empty"]
    return Table("t", "T", header, rows, pd.DataFrame(), frozenset({(0, 1)}))


def test_a_table_about_one_probe_has_no_column_of_names() -> None:
    shown = page_table(some_table("a", "a"))
    assert [cell.text for cell in shown.header] == ["x", "y", "words"]
    assert [cell.is_number for cell in shown.header] == [True, True, False]
    assert [(group.name, len(group.rows)) for group in shown.groups] == [("", 2)]
    assert shown.groups[0].rows[0][0].is_bold and not shown.groups[0].rows[1][0].is_bold


def test_a_table_about_several_probes_has_a_heading_for_each() -> None:
    shown = page_table(some_table("a", "a", "b"))
    assert [(group.name, len(group.rows)) for group in shown.groups] == [("a", 2), ("b", 1)]


def test_only_files_that_exist_are_linked(tmp_path: Path) -> None:
    write_probe(tmp_path / "probes" / "m 1", **PROBES["synthetic-a"])
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "one.csv").write_text("")
    files = Files(tmp_path / "report.html", tmp_path / "probes")
    assert files.table("one") == "tables/one.csv" and files.table("two") == ""
    found = dict(files.of_probes(["m 1"])["m 1"])
    assert found["bounds.csv"] == "probes/m%201/bounds.csv"


def test_the_head_names_settings_and_making(probes: list[ProbeResults]) -> None:
    facts = dict(header_facts(probes, Made("2026-11-27", "abc", is_changed=True)))
    assert facts["Smoothing α"] == ["0.5"]
    assert facts["Failure probability δ"] == ["0.05 (confidence 0.95)"]
    assert facts["Written"] == ["2026-11-27, commit abc, with local changes"]
    assert "Written" not in dict(header_facts(probes, Made()))
    engine = {"compute_dtype": "float32", "machine": "x86_64", "processor": "Some CPU 9"}
    known = [replace(probe, setup={**probe.setup, "engine": engine}) for probe in probes]
    assert dict(header_facts(known, Made()))["Arithmetic"] == ["float32, Some CPU 9, x86_64"]
    engine["instructions"] = "AVX2"
    assert dict(header_facts(known, Made()))["Arithmetic"] == ["float32, Some CPU 9, AVX2, x86_64"]


def test_the_head_names_quantised_weights(probes: list[ProbeResults]) -> None:
    probe = probes[0]
    words = {}
    for kind in ("gguf_package", "hub"):
        settings = {
            "probes": {probe.name: {"model": "m"}},
            "models": {"m": {"kind": kind, "package": "some_weights"}},
        }
        (words[kind],) = dict(header_facts([replace(probe, settings=settings)], Made()))["Model"]
    assert (
        words["gguf_package"] == words["hub"] + ", with quantised weights (GGUF, from some_weights)"
    )


def test_the_day_can_be_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert made_now(tmp_path) == Made("1970-01-02", "", is_changed=False)


def test_the_verdict_answers_four_questions_for_each_probe(probes: list[ProbeResults]) -> None:
    found = verdicts(probes)
    assert [name for name, _ in found] == [probe.name for probe in probes]
    for _, items in found:
        assert [item.worth for item in items] == [
            "certificate", "not a certificate", "certificate", "measured",
        ]  # fmt: skip
        assert "With probability at least" in items[0].sentence
        assert "is not a theorem" in items[1].sentence or "stays above" in items[1].sentence


def test_ranks_follow_auroc_and_labels_have_none(probes: list[ProbeResults]) -> None:
    table = ood_leaderboard(probes[:1])
    assert len(table.rows) > 5
    for _, part in table.data.groupby("shift", sort=False):
        ranked = part[part["rank"].notna()]
        assert list(ranked["auroc"]) == sorted(ranked["auroc"], reverse=True)
        assert ranked["rank"].iloc[0] == 1 and (ranked["rank"].diff().dropna() >= 0).all()
        assert ranked["rank"].notna().sum() + part["rank"].isna().sum() == len(part)
    unranked = set(table.data.loc[table.data["rank"].isna(), "score"])
    assert unranked == {"nll"}
    assert all(re.match(r"\d\.\d{3}", row[5]) for row in table.rows)
