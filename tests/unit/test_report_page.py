"""The page: self-contained, complete, and every number in a sentence to be found in the data."""

import base64
import html
import json
import math
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from results_factory import PROBES, write_probe, write_results

from semdim.errors import ArtifactError
from semdim.plots.catalogue import figures
from semdim.report.build import write_report

ANSWERS = Path(__file__).parents[2] / "docs/answers/smollm2-135m_layer15/capitals"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
LOADS = {"src", "srcset", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """Tags with their attributes, the open tags at each text, ids, and the contents of `data`."""

    VOID = ("meta", "img", "source", "br", "hr", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.numbers: list[tuple[dict[str, str], str]] = []
        self.loose: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.problems: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in self.VOID:
            self._open.append((tag, found))

    def handle_endtag(self, tag):
        if not self._open or self._open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if tags and tags[-1] == "data":
            self.numbers.append((self._open[-1][1], data))
        elif "figcaption" in tags and "li" in tags:
            self.loose.append(data)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def with_figures(folder: Path) -> Path:
    drawn = folder / "figures"
    drawn.mkdir(exist_ok=True)
    for spec in figures():
        for name in spec.drawings:
            (drawn / f"{name}.svg").write_text(SVG.replace("10", str(len(name))))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder / "probes")
    with_figures(folder)
    write_report(folder / "probes", folder / "report.html")
    return folder


@pytest.fixture(scope="module")
def page(results) -> Page:
    return Page((results / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_loads_nothing(page):
    assert page.problems == [] and page._open == []
    assert not page.of("script") and not page.of("link") and not page.of("iframe")
    for tag, attributes in page.tags:
        for name in LOADS & set(attributes):
            if tag != "data":
                assert attributes[name].startswith("data:"), (tag, name)
    style = "".join(attributes.get("style", "") for _, attributes in page.tags)
    assert "url(" not in style


def test_the_style_sheet_imports_nothing(results):
    text = (results / "report.html").read_text()
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@import" not in style and "url(" not in style and "prefers-color-scheme" in style
    assert "@media print" in style


def test_every_figure_is_embedded_once_with_words_for_those_who_cannot_see_it(page):
    images = page.of("img")
    usual = [spec for spec in figures() if not spec.is_extra]
    for number, (spec, image) in enumerate(zip(usual, images, strict=True), start=1):
        content = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,"))
        assert content.decode() == SVG.replace("10", str(len(spec.name)))
        assert image["alt"] == f"Figure {number}: {spec.title}"
    narrow = [source["srcset"].split("base64,")[1] for source in page.of("source")]
    assert [base64.b64decode(content).decode() for content in narrow] == [
        SVG.replace("10", str(len(f"{spec.name}_narrow"))) for spec in usual if spec.narrow
    ]


def test_the_contents_lead_to_sections_that_exist(page):
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    targets = [a["href"][1:] for a in page.of("a") if a["href"].startswith("#")]
    assert len(targets) >= 14 and set(targets) <= ids
    sections = {attributes["id"] for attributes in page.of("section")}
    assert sections <= set(targets)


def numbers_in(folder: Path) -> dict[str, set[float]]:
    """Every number of every results file, by file name, over all models."""
    found: dict[str, set[float]] = {}
    for path in folder.glob("probes/*/*"):
        text = path.read_text()
        if path.suffix == ".json":
            text = json.dumps(json.loads(text))
        matches = re.findall(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)
        found.setdefault(path.name, set()).update(float(match) for match in matches)
    return found


def test_each_number_of_a_sentence_is_in_the_file_that_it_names(page, results):
    known = numbers_in(results)
    sourced = [(item, text) for item, text in page.numbers if "data-source" in item]
    assert len(sourced) > 100
    for item, text in sourced:
        value = float(item["value"])
        candidates = known[item["data-source"]]
        assert any(math.isclose(value, other, rel_tol=1e-9) for other in candidates), (item, text)


def test_what_is_shown_is_the_value_rounded(page):
    for item, text in page.numbers:
        shown = float(re.sub(r"[,\s%]", "", text).replace("−", "-"))
        value = float(item["value"]) * (100.0 if "%" in text else 1.0)
        assert shown == pytest.approx(value, rel=0.006, abs=0.5 if "." not in text else 0.051)


def test_no_number_stands_loose_in_a_reading(page):
    allowed = re.compile(r"log₂|n_active > \d+|below 0\.5|\(?\d*–\d+|up to \d+|above \d+")
    for text in page.loose:
        assert not re.search(r"\d", allowed.sub("", text)), text


def test_figures_are_numbered_without_holes_and_the_absent_are_named(tmp_path):
    folder = write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    (folder / "sparsity_histogram.csv").unlink()
    (folder / "guardrail.json").unlink()
    with_figures(tmp_path)
    text = write_report(tmp_path / "probes", tmp_path / "report.html").read_text()
    numbers = [int(n) for n in re.findall(r'alt="Figure (\d+):', text)]
    usual = [spec for spec in figures() if not spec.is_extra]
    assert numbers == list(range(1, len(usual) - 3 + 1))
    absent = text[text.index('<section id="absent">') :]
    assert "How many atoms are active”: needs the stage measure_uncertainty" in absent
    assert "Models side by side”: needs two or more models" in absent
    assert "The guardrail: what it promises" in absent
    assert "Not drawn" not in text and "How many atoms" not in text[: text.index(absent)]


def test_a_complete_run_says_that_nothing_is_missing(results):
    assert "Nothing is missing" in (results / "report.html").read_text()


def test_a_figure_that_was_not_drawn_stops_the_report(tmp_path):
    write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    with pytest.raises(ArtifactError, match=r"at_a_glance\.svg is missing .* run the stage plot"):
        write_report(tmp_path / "probes", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_bare_run_still_makes_a_page(tmp_path):
    folder = write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    for path in folder.iterdir():
        if path.name != "bounds.csv":
            path.unlink()
    with_figures(tmp_path)
    text = write_report(tmp_path / "probes", tmp_path / "report.html").read_text()
    assert Page(text).problems == []
    assert "setup.json is absent" in text and "nan" not in re.sub(r"<[^>]*>", "", text)


def test_answers_have_a_section_where_questions_were_asked(tmp_path):
    folder = write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    shutil.copytree(ANSWERS, folder / "answers" / "capitals")
    with_figures(tmp_path)
    text = write_report(tmp_path / "probes", tmp_path / "report.html").read_text()
    assert Page(text).problems == []
    section = text[text.index('<section id="answers">') :].split("</section>")[0]
    for sentence in json.loads((ANSWERS / "verdict.json").read_text())["verdict"]:
        assert html.escape(sentence, quote=False) in html.unescape(section).replace("&", "&amp;")
    rows = pd.read_csv(ANSWERS / "detection.csv").set_index(["trouble", "score", "place"])
    k = rows.loc[("wrong", "n_active", "last_prompt")]
    shown = re.search(r"<td>k, last token of the prompt</td><td>([\d.]+)", section)
    assert shown is not None and float(shown[1]) == pytest.approx(k["auroc"], abs=0.006)
    # Sets of an earlier run are left out where the run says which sets are its own.
    other = write_report(tmp_path / "probes", tmp_path / "o.html", questions=["cities"])
    assert 'id="answers"' not in other.read_text()
    (folder / "answers/capitals/detection.csv").write_text("score,place\nk,prompt\n")
    with pytest.raises(ArtifactError, match=r"detection\.csv lacks the column\(s\) trouble, auroc"):
        write_report(tmp_path / "probes", tmp_path / "o.html")
    (folder / "answers/capitals/verdict.json").write_text('{"verdict": "good"}')
    with pytest.raises(ArtifactError, match="expected a list of sentences"):
        write_report(tmp_path / "probes", tmp_path / "o.html")


def test_names_from_files_cannot_inject_markup(tmp_path):
    folder = write_probe(tmp_path / "probes" / "m", **PROBES["synthetic-a"])
    for name in ("setup.json", "sparsity.csv", "guardrail.json"):
        path = folder / name
        path.write_text(path.read_text().replace("python", "<script>alert(1)</script>"))
    with_figures(tmp_path)
    text = write_report(tmp_path / "probes", tmp_path / "report.html").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_page_is_the_same_on_a_second_run(results, tmp_path):
    before = (results / "report.html").read_bytes()
    write_report(results / "probes", results / "report.html")
    assert (results / "report.html").read_bytes() == before


def test_caveats_stand_beside_the_numbers_they_touch(page, results):
    text = (results / "report.html").read_text()
    bound = text[text.index('<section id="bound">') : text.index('<section id="certified">')]
    for words in ("depend on each other", "plug in the mean", "memorises", "with its sign"):
        assert words in bound
    assert "ℓ<sub>S</sub> + |g| ≥ ℓ<sub>M</sub>" in text
    ood = text[text.index('<section id="ood">') : text.index('<section id="models">')]
    assert "Cantelli" in ood
