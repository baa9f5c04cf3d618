"""One of each from outside: a proxy, a kind of corpus, a score, a family of bounds, a figure.

Each is one module in the project's folder and one entry of the setting ``plugins``; no file of
semdim names any of them.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from semdim.ledger.table import read_ledger
from semdim.paths import Paths
from tests.pipeline.conftest import Clone, contents, losses_told, stages_run

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures"
PLUGINS = ("extra_family", "first_atoms_proxy", "plugin_figure", "poem_corpus", "score_depth")
VERSES = [
    f"In verse {number} the {thing} goes by and nobody asks where it came from or where it goes, "
    "for the evening is long and the road is longer than any of them would care to tell."
    for number, thing in enumerate(("cat", "moon", "river", "tailor", "cloud", "fiddler") * 4)
]
ASKED = (
    "-S", f"plugins=[{','.join(PLUGINS)}]",
    "-S", "corpus=[english,python,random,poem]",
    "-S", "grid.corpus=[english,poem]",
    "-S", "grid.sweep=[topk_4,topk_8,first_atoms_16]",
)  # fmt: skip


@pytest.fixture(scope="module")
def house(clone: Clone) -> Clone:
    """The clone with five modules and a corpus of a user in it."""
    for name in PLUGINS:
        text = (FIXTURES / f"{name}.py").read_text(encoding="utf-8")
        # The score reads a column that every ledger has.
        text = text.replace('("depth",)', '("code_norm",)').replace('"depth")', '"code_norm")')
        (clone.root / f"{name}.py").write_text(text, encoding="utf-8")
    conf = clone.root / "conf/corpus/poem.yaml"
    verses = "".join(f"  - {json.dumps(verse)}\n" for verse in VERSES)
    conf.write_text(
        "# @package corpora.poem\nkind: poem\nrole: near\nn_tokens: 640\nrepetitions: 2\n"
        f"verses:\n{verses}"
    )
    return clone


@pytest.fixture(scope="module")
def output(house: Clone) -> str:
    """What the run with all five printed."""
    return house.experiment(*ASKED)


@pytest.fixture(scope="module")
def paths(house: Clone, output: str) -> Paths:
    return Paths(house.root)


def test_a_corpus_from_outside_goes_all_the_way(paths: Paths) -> None:
    ledger, facts = read_ledger(paths.ledger("tiny", "poem"))
    assert len(ledger) == 640 and facts.n_documents == 20, "a sequence of 32 from each"
    results = paths.results("tiny")
    assert "poem" in set(pd.read_csv(results / "sparsity.csv")["corpus"])
    assert "poem" in set(pd.read_csv(results / "uncertainty.csv")["shift"])
    assert json.loads((results / "verdict.json").read_text())["roles"]["poem"] == "near"
    assert "poem" in paths.report.read_text(encoding="utf-8")


def test_a_proxy_from_outside_has_losses_and_a_row(paths: Paths, output: str) -> None:
    assert "first_atoms_16" in losses_told(output)
    further = paths.further_ledger("tiny", "english")
    ledger, facts = read_ledger(paths.ledger("tiny", "english"), further=further)
    assert ledger["nll_first_atoms_16"].notna().sum() == ledger["nll_sae"].notna().sum()
    assert facts.proxies["first_atoms_16"] == "no_bos"
    rows = pd.read_csv(paths.results("tiny") / "proxies.csv").set_index("proxy")
    assert rows.loc["first_atoms_16", "n_sequences"] == 200
    assert "first_atoms_16" in paths.report.read_text(encoding="utf-8")


def test_a_score_from_outside_is_studied_like_the_others(paths: Paths) -> None:
    table = pd.read_csv(paths.results("tiny") / "uncertainty.csv")
    assert set(table.loc[table["score"] == "depth", "shift"]) == {"poem"}
    drawn = (paths.tables / "uncertainty_auroc.csv").read_text(encoding="utf-8")
    assert "depth" in drawn and "depth" in paths.report.read_text(encoding="utf-8")


def test_a_family_from_outside_gives_rows_at_every_size(paths: Paths) -> None:
    bounds = pd.read_csv(paths.results("tiny") / "bounds.csv")
    own = bounds[bounds["family"] == "median_loss"]
    assert own["n_tokens"].drop_duplicates().tolist() == [6400]  # 60 documents at least
    assert own["proxy"].tolist() == ["model", "sae"] and not own["is_certificate"].any()
    bound = json.loads((paths.results("tiny") / "bound.json").read_text())
    assert bound["median_sae_n_documents"] == 200
    listed = (paths.tables / "bounds_at_largest_n.md").read_text(encoding="utf-8")
    assert "median loss" in listed and "median loss" in paths.report.read_text(encoding="utf-8")


def test_a_figure_a_table_and_a_reading_from_outside_stand_in_the_report(paths: Paths) -> None:
    assert (paths.figures / "sample_sizes_drawn.png").exists()
    assert (paths.figures / "sample_sizes_drawn.svg").exists()
    assert (paths.tables / "sample_sizes_listed.csv").read_text().endswith("tiny,6400\n")
    page = paths.report.read_text(encoding="utf-8")
    for text in ("A bar is the largest sample of a probe.", "tiny</b> was measured on", "6,400"):
        assert text in page or text.replace("</b>", "") in page, text


def test_commands_find_the_plugins_too(house: Clone, output: str) -> None:
    planned = house.run("semdim", "plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "is there" in planned.stdout


def test_an_edited_proxy_is_computed_again_and_no_other(house: Clone, output: str) -> None:
    paths = Paths(house.root)
    before = contents(paths.further_losses("tiny", "english"))
    module = house.root / "first_atoms_proxy.py"
    module.write_text(module.read_text().replace("codes.atoms < n", "codes.atoms < n - 1"))
    told = house.experiment(*ASKED, "further_losses@probe0")
    assert "further_losses@probe0" in stages_run(told)
    assert losses_told(told) == ["first_atoms_16"]
    after = contents(paths.further_losses("tiny", "english"))
    changed = {name.split("/")[0] for name in before if after[name] != before[name]}
    assert changed == {"first_atoms_16"}


def test_a_plugin_that_is_gone_is_a_sentence(house: Clone, output: str) -> None:
    done = house.run("dvc", "exp", "run", "-S", "experiment=smoke", "-S", "plugins=[gone_away]")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "The plugin 'gone_away' cannot be imported" in done.stdout + done.stderr
