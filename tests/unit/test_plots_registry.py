"""To add a figure or a table is to add one file: it is drawn, numbered, and stands in the page."""

import ast
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from results_factory import errors_result, write_results

from semdim.errors import ConfigError
from semdim.plots.catalogue import FIGURES, TABLES, FigureSpec, add_figure, figures, tables
from semdim.plots.draw import draw_all
from semdim.plots.sections import SECTIONS
from semdim.plots.style import panels, save
from semdim.registry import Registry, load_plugins
from semdim.report.build import write_report
from semdim.report.sentences import READINGS, Reading, reading, readings

FIXTURES = Path(__file__).parents[1] / "fixtures"
PACKAGE = Path(__file__).parents[2] / "src" / "semdim"


@pytest.fixture
def registries(monkeypatch):
    """What a test registers is gone after it."""
    for registry in (FIGURES, TABLES, READINGS):
        monkeypatch.setattr(registry, "_entries", {name: registry[name] for name in registry})


@pytest.fixture
def undrawn(registries, monkeypatch):
    """The figures that there are without a test's own: what they draw is slow, and no matter
    here."""
    for name, spec in list(FIGURES._entries.items()):
        FIGURES._entries[name] = replace(spec, draw=lambda probes: probes)
    monkeypatch.setattr("semdim.plots.draw.save", _save)


def _save(drawn, folder, name):
    if isinstance(drawn, Figure):
        return save(drawn, folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.svg").write_text("<svg/>")
    return [folder / f"{name}.svg"]


@pytest.fixture
def plugin(registries, monkeypatch):
    """The module from outside, imported as the setting ``plugins`` imports it."""
    monkeypatch.syspath_prepend(FIXTURES)
    monkeypatch.delitem(sys.modules, "plugin_figure", raising=False)
    load_plugins(["plugin_figure"])


def some_figure(**changes) -> FigureSpec:
    facts = {
        "name": "roc",
        "title": "Another",
        "section": "ood",
        "position": 40,
        "caption": "Nothing to see.",
        "draw": lambda models: panels(1)[0],
        "has": lambda model: True,
        "how": "nothing",
    }
    return FigureSpec(**(facts | changes))


@pytest.mark.parametrize(
    ("registry", "folder"), [(FIGURES, "plots/figures"), (TABLES, "plots/tables")]
)
def test_every_file_registers_exactly_its_own_name(registry: Registry, folder: str):
    files = {path.stem for path in (PACKAGE / folder).glob("*.py")} - {"__init__"}
    assert files == set(registry)
    for name in files:
        spec = registry[name]
        assert spec.name == name and spec.__module__ == f"semdim.{folder.replace('/', '.')}.{name}"


def test_no_registered_name_is_written_anywhere_else_in_the_report():
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in (PACKAGE / "report").glob("*.py")
        if path.name != "sentences.py"
    }
    for path, text in texts.items():
        names = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
        assert not names & {*FIGURES, *TABLES, *READINGS}, path


def test_a_figure_and_a_table_from_outside_stand_in_the_page(undrawn, plugin, tmp_path):
    write_results(tmp_path / "probes")
    paths = {path.name for path in draw_all(tmp_path, tmp_path)}
    assert {"sample_sizes_drawn.png", "sample_sizes_drawn.svg"} <= paths
    assert {"sample_sizes_listed.csv", "sample_sizes_listed.md"} <= paths
    text = write_report(tmp_path, tmp_path / "report.html").read_text(encoding="utf-8")
    part = {
        name: re.search(rf'<section id="{name}">(.*?)</section>', text, re.DOTALL)[1]
        for name in SECTIONS
        if name != "answers"  # no set of questions was asked
    }
    figure = part["bound"][part["bound"].index('id="figure-sample_sizes_drawn"') :]
    plain = re.sub(r"<[^>]+>", "", figure)
    assert "Figure 3. How much was measured. A bar is the largest sample of a probe." in plain
    assert "synthetic-a was measured on 100,000 tokens." in plain
    assert figure.index("</figure>") < figure.index("is not a certificate")  # the text continues
    assert part["sparsity"].index("Table 1") < part["sparsity"].index("How much was measured")
    numbers = [int(number) for number in re.findall(r'alt="Figure (\d+):', text)]
    drawn = [spec for spec in figures() if not spec.is_extra]
    assert numbers == list(range(1, len(drawn) + 1))


def test_what_no_text_makes_room_for_stands_at_the_end_of_its_section(undrawn, tmp_path):
    write_results(tmp_path / "probes", ("synthetic-a",))
    add_figure(some_figure(name="last", section="claim", position=10_000))
    draw_all(tmp_path, tmp_path)
    text = write_report(tmp_path, tmp_path / "report.html").read_text(encoding="utf-8")
    claim = text[text.index('<section id="claim">') : text.index('<section id="setup">')]
    assert claim.index("only an observation") < claim.index("Figure 2. Another.")


@pytest.fixture
def failing(undrawn, monkeypatch):
    """A figure, a table and a reading that raise."""
    from semdim.bounds.family import FAMILIES
    from semdim.uncertainty.score import SCORES

    errors_result()  # made once for all tests: by the scores that there are without the plugin
    for registry in (FAMILIES, SCORES):
        monkeypatch.setattr(registry, "_entries", {name: registry[name] for name in registry})
    monkeypatch.delitem(sys.modules, "tests.fixtures.failing_parts", raising=False)
    load_plugins(["tests.fixtures.failing_parts"])
    yield
    del sys.modules["tests.fixtures.failing_parts"]


def test_what_fails_takes_nothing_with_it(failing, tmp_path):
    """Every other figure, table and sentence is as it would be; the page says what is missing."""
    write_results(tmp_path / "probes", ("synthetic-a",))
    bound = tmp_path / "probes" / "synthetic-a" / "bound.json"
    numbers = json.loads(bound.read_text())
    bound.write_text(json.dumps(numbers | {"left_out": ["a_family at N = 5, α = 0.5: too <few>."]}))
    stale = tmp_path / "figures" / "failing_figure.svg"
    stale.parent.mkdir()
    stale.write_text("of an earlier run")
    written = {path.name for path in draw_all(tmp_path, tmp_path)}
    said = "it failed with ZeroDivisionError: no use (failing_parts.py, line"
    left_out = json.loads((tmp_path / "figures" / "left_out.json").read_text())
    assert list(left_out) == ["failing_figure", "failing_question", "failing_table"]
    assert all(reason.startswith(said) for reason in left_out.values())
    assert not stale.exists()
    text = write_report(tmp_path, tmp_path / "report.html").read_text(encoding="utf-8")
    missing = text[text.index('<section id="absent">') :]
    for words in (
        f"“A figure that fails” could not be drawn: {said}",
        f"“A figure that cannot say” could not be drawn: {said}",
        f"Left out, failing_table: {said}",
        f"Left out, failing_reading: {said}",
        "Left out, synthetic-a: a_family at N = 5, α = 0.5: too &lt;few&gt;.",
    ):
        assert words in missing, words
    plain = re.sub(r"<[^>]+>", "", missing)
    assert "A figure that fails" not in text[: text.index('<section id="absent">')]

    for registry in (FIGURES, TABLES, READINGS):
        for name in [name for name in registry._entries if name.startswith("failing_")]:
            del registry._entries[name]
    bound.write_text(json.dumps(numbers))
    alone = draw_all(tmp_path, tmp_path)
    assert {path.name for path in alone} | {"left_out.json"} == written
    assert not (tmp_path / "figures" / "left_out.json").exists()
    without = write_report(tmp_path, tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("<img") == without.count("<img") and "failed with" not in without
    assert plain.count("Left out") == 3


def test_two_figures_of_one_name_and_unknown_sections_are_refused(registries):
    with pytest.raises(ConfigError, match=r"called figure 'roc', in semdim\.plots\.figures\.roc"):
        add_figure(some_figure())
    with pytest.raises(ConfigError, match="section 'attic', which the report does not have"):
        some_figure(section="attic")
    with pytest.raises(ConfigError, match="section 'attic'"):
        reading("x", section="attic")(lambda models: [])
    with pytest.raises(ConfigError, match=r"reading 'dudley', in semdim\.report\.readings"):
        reading("dudley")(lambda models: [])


def test_a_reading_of_a_figure_that_does_not_exist_is_refused(registries, tmp_path):
    write_results(tmp_path / "probes", ("synthetic-a",))
    reading("lost", figure="nowhere")(lambda models: [])
    with pytest.raises(ConfigError, match="figure 'nowhere' is unknown"):
        write_report(tmp_path, tmp_path / "report.html")


def test_order_is_by_section_and_position():
    order = list(SECTIONS)
    places = [(order.index(spec.section), spec.position) for spec in figures()]
    assert places == sorted(places) and len(set(places)) == len(places)
    assert [spec.name for spec in tables()][-1] == "references"
    assert all(isinstance(entry, Reading) for entry in readings())


def test_every_reading_stands_somewhere():
    quoted = "".join(
        path.read_text(encoding="utf-8") for path in (PACKAGE / "report/sections").glob("*.html")
    )
    for entry in readings():
        stands = entry.figure or entry.section or f"read.{entry.name}" in quoted
        assert stands, entry.name
    for name in re.findall(r"read\.(\w+)", quoted):
        assert name in READINGS
