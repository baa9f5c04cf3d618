"""To add a family of bounds is to add one file; and each that there is says what it must."""

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from bounds_factory import CASES, FACTS, sample
from ledger_factory import make_facts
from typer.testing import CliRunner

from semdim.bounds.assemble import assemble_all
from semdim.bounds.family import FAMILIES, Family, families, kind_of, kinds, needed_proxies
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.bounds.summary import headline, reasons
from semdim.bounds.words import in_words, status
from semdim.commands.bound import bound as bound_command
from semdim.errors import ConfigError
from semdim.registry import load_plugins
from semdim.results.write_bounds import bounds_table, curve_table, write_bounds

PLUGIN = "tests.fixtures.extra_family"
PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"
SPEC = CASES["default"]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Family]:
    """The family from outside, forgotten after the test."""
    monkeypatch.setattr(FAMILIES, "_entries", {name: FAMILIES[name] for name in FAMILIES.names()})
    load_plugins([PLUGIN])
    yield FAMILIES["extra_family"]
    del sys.modules[PLUGIN]


@pytest.fixture(scope="module")
def ledger() -> tuple[pd.DataFrame, np.ndarray]:
    return sample()


def test_a_family_from_outside_is_everywhere(
    plugin: Family, ledger: tuple[pd.DataFrame, np.ndarray]
) -> None:
    table, max_rank = ledger
    found = assemble_all(table, FACTS, SPEC, max_rank=max_rank)
    own = [bound for bound in found.bounds if bound.family == "median_loss"]
    assert [(b.size.n_tokens, b.proxy) for b in own] == [
        (1800, "model"), (1800, "sae"), (3600, "model"), (3600, "sae"),
    ]  # fmt: skip
    assert [(e.family, e.n_tokens, e.reason) for e in found.left_out] == [
        ("extra_family", 600, "a median of 25 documents says little.")
    ]
    rows = bounds_table(found.bounds)
    at_1800 = list(dict.fromkeys(rows.loc[rows["n_tokens"] == 1800, "family"]))
    assert at_1800[:3] == ["holdout", "median_loss", "as_published"]  # by its order
    numbers = headline(found.bounds)
    assert numbers["median_loss_model_total"] == own[2].total
    assert numbers["median_loss_sae_first_n_tokens"] == 1800
    assert numbers["median_sae_n_documents"] == 150
    assert "median_loss_sae" in curve_table(found.bounds, 0.5)
    assert list(kinds())[-1] == "median_loss"
    assert in_words("median_loss") == "the median document, which proves nothing"
    assert status("median_loss", False, "token") == "not a certificate"
    assert "random_decoder" in needed_proxies(replace(SPEC, k=7))


@pytest.mark.parametrize("where", ["compute", "later", "curve", "more", "nan"])
def test_a_family_that_fails_is_left_out_with_its_reason(
    plugin: Family, ledger: tuple[pd.DataFrame, np.ndarray], where: str
) -> None:
    """However it fails; the others are what they are without it."""

    def fails(*_: object) -> Iterator[Bound]:
        raise KeyError("k")

    def later(*arguments: object) -> Iterator[Bound]:
        yield from plugin.compute(*arguments)  # type: ignore[arg-type]
        raise KeyError("k")

    def nan(*arguments: object) -> list[Bound]:
        found = list(plugin.compute(*arguments))  # type: ignore[arg-type]
        return [replace(bound, proxy_risk=float("nan")) for bound in found]

    kind = plugin.kinds[0]
    changed = {
        "compute": replace(plugin, compute=fails),
        "later": replace(plugin, compute=later),
        "curve": replace(plugin, kinds=(replace(kind, curve=fails),)),
        "more": replace(plugin, kinds=(replace(kind, more=fails),)),
        "nan": replace(plugin, compute=nan),
    }
    FAMILIES._entries["extra_family"] = changed[where]
    found = assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1])
    assert {entry.family for entry in found.left_out} == {"extra_family"}
    said = reasons(found.left_out)[-1]
    if where == "nan":
        assert "The term 'proxy_risk' of median_loss is nan, not a number" in said
    else:
        assert said.startswith("extra_family at N = ") and "KeyError: 'k' (test_bounds_" in said
    headline(found.bounds)
    del FAMILIES._entries["extra_family"]
    without = assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1])
    assert found.bounds == without.bounds and without.left_out == ()


def test_bound_json_says_what_was_left_out(
    ledger: tuple[pd.DataFrame, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A constant k leaves no bins to cut (a TopK autoencoder); every other number is there."""
    monkeypatch.setattr("semdim.results.write_bounds.proxies_of_ledger", lambda *_: pd.DataFrame())
    constant = ledger[0].assign(n_active=7)
    found = assemble_all(constant, FACTS, replace(SPEC, sparsity_bins=4), max_rank=ledger[1])
    (said,) = reasons(found.left_out)
    assert said.startswith("risk_by_sparsity at N = 3600, α = 0.5: 4 bins of k have only 2 dist")
    numbers = headline(found.bounds)
    write_bounds(tmp_path, found.bounds, numbers, constant, make_facts(), 0.5, [said])
    written = json.loads((tmp_path / "bound.json").read_text(encoding="utf-8"))
    assert written == {**numbers, "left_out": [said]}
    write_bounds(tmp_path, found.bounds, numbers, constant, make_facts(), 0.5)
    assert "left_out" not in json.loads((tmp_path / "bound.json").read_text(encoding="utf-8"))


def test_the_others_do_not_change(
    plugin: Family, ledger: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1]).bounds
    monkeypatch.delitem(FAMILIES._entries, "extra_family")
    without = assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1]).bounds
    assert [b for b in with_it if b.family != "median_loss"] == list(without)


def test_the_command_line_has_it_too(plugin: Family, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command("bound")(bound_command)
    numbers = {"vocab-size": 50, "smoothing": 0.5, "n-active": 4, "dict-size": 100}
    numbers |= {"n-tokens": 1000, "failure-prob": 0.05}
    arguments = [f"--{name}={value}" for name, value in numbers.items()]
    text = CliRunner().invoke(app, arguments, env={"COLUMNS": "140"}).output
    assert "family 12, the median document: not a certificate" in text
    content = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert content["median_loss"] == {"half": 25.0, "is_certificate": False}


def test_two_families_cannot_have_one_name(plugin: Family) -> None:
    holdout = FAMILIES["holdout"]
    with pytest.raises(ConfigError, match="Two entries are called"):
        FAMILIES.add("holdout", replace(plugin, name="holdout"))
    FAMILIES.add("again", replace(plugin, name="again"))
    with pytest.raises(ConfigError, match="both give rows called 'median_loss'"):
        kinds()
    assert FAMILIES["holdout"] is holdout


def test_rows_that_were_not_registered_are_refused(
    plugin: Family, ledger: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(plugin, kinds=(replace(plugin.kinds[0], name="mean"),))
    monkeypatch.setitem(FAMILIES._entries, "extra_family", other)
    with pytest.raises(ConfigError, match="'median_loss', but is registered with mean"):
        assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1])


def test_no_family_may_claim_more_than_it_is_registered_with(
    ledger: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = FAMILIES["holdout"]
    kind = replace(honest.kinds[0], is_certificate=False)
    monkeypatch.setitem(FAMILIES._entries, "holdout", replace(honest, kinds=(kind,)))
    with pytest.raises(ConfigError, match="claims to be one"):
        assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1])


def test_rows_of_a_family_that_is_not_there_are_named(
    plugin: Family, ledger: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = assemble_all(ledger[0], FACTS, SPEC, max_rank=ledger[1])
    monkeypatch.delitem(FAMILIES._entries, "extra_family")
    with pytest.raises(ConfigError, match="'median_loss'; there are as_published"):
        headline(found.bounds)
    assert in_words("median_loss") == "" and status("median_loss", False) == "not a certificate"


def test_every_family_says_what_it_must() -> None:
    page = PAGE.read_text(encoding="utf-8")
    folder = Path(importlib.import_module(FAMILIES.package).__path__[0])
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(FAMILIES.names()) == files
    assert len({family.order for family in families()}) == len(files)
    for family in families():
        assert family.kinds and family.order > 0
        assert family.at in ("every N", "largest N")
        for kind in family.kinds:
            assert f"`{kind.name}`" in page, kind.name
            heading = next(
                line for line in page.splitlines()
                if line.startswith("## ") and f"{kind.number}" in line.split(".")[0]
            )  # fmt: skip
            assert ("certificate" in heading) and (
                ("not a certificate" in heading or "not certificates" in heading)
                is not kind.is_certificate
            ), kind.name
            assert len(kind.words) > 10 and len(kind.source) > 10
            assert kind_of(kind.name) is kind
    assert [kind.number for kind in kinds().values()] == sorted(k.number for k in kinds().values())


def test_what_is_asked_for_is_what_is_computed(ledger: tuple[pd.DataFrame, np.ndarray]) -> None:
    """No family reads losses that it does not name: each gets a table of those alone."""
    from semdim.bounds.aggregate import sequence_losses

    for spec in (SPEC, BoundSpec(n_tokens=(3600,), k=16, topk_grid=(), sparsity_bins=3)):
        for family in families():
            names = list(dict.fromkeys(("model", *family.needs(spec))))
            tokens = list(family.needs_tokens(spec))
            table = sequence_losses(ledger[0], names, 0.5, FACTS.vocab_size, keep_tokens=tokens)
            table = table.with_max_rank(ledger[1])
            for bound in family.compute(table, FACTS, spec):
                assert bound.total > 0
