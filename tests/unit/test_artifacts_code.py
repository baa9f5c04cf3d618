"""Which modules a stage imports is read from the code, wherever the import stands."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semdim.artifacts import code
from semdim.artifacts.code import code_digest, imported_modules

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules of a package `house`, whose modules count."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "PACKAGES", ("house",))
    caches = (code._file, code._imports, code._imports_ours)

    def files(**texts: str) -> None:
        for name, text in {"house____init__": "", **texts}.items():
            path = tmp_path / (name.replace("____", "/__").replace("___", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or text:
                path.write_text(text)
        for cached in caches:
            cached.cache_clear()
        importlib.invalidate_caches()

    yield files
    sys.modules.pop("house", None)
    for cached in caches:
        cached.cache_clear()


def found(module: str = "house.stage", **kinds: list[str]) -> set[str]:
    chosen = {f"house.{package}": names for package, names in kinds.items()}
    return {name.removeprefix("house.") for name in imported_modules(module, chosen)}


@pytest.mark.parametrize(
    "line",
    [
        "import house.deep.a",
        "import house.deep.a as other",
        "from house.deep import a",
        "from house.deep.a import name",
        "from house.deep.a import (name as another)",
        "def work():\n    from house.deep.a import name",
        "class C:\n    def work(self):\n        if self:\n            import house.deep.a",
        "try:\n    import house.deep.a\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import house.deep.a",
        "if not TYPE_CHECKING:\n    import house.deep.a",
    ],
)
def test_an_import_counts_wherever_it_stands(write: Write, line: str) -> None:
    write(house___stage=line, house___deep___a="name = 1", house___deep____init__="'''Doc.'''")
    assert found() == {"stage", "deep.a"}


@pytest.mark.parametrize(
    "line",
    [
        "import json, os.path",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.deep.a",
        "import typing\nif typing.TYPE_CHECKING:\n    from house.deep.a import name",
        "'''import house.deep.a'''",
        "# import house.deep.a",
        "import houses.deep",
        "from house.deep.nowhere import a",
    ],
)
def test_what_is_not_imported_when_it_runs_does_not_count(write: Write, line: str) -> None:
    write(house___stage=line, house___deep___a="name = 1", house___deep____init__="'''Doc.'''")
    assert found() == {"stage"}


def test_imports_are_followed_and_circles_end(write: Write) -> None:
    write(
        house___stage="import house.a",
        house___a="from house import b",
        house___b="import house.c\nimport house.a",
        house___c="",
        house___unused="import house.stage",
    )
    assert found() == {"stage", "a", "b", "c"}


def test_an_init_that_imports_counts_and_one_that_does_not_is_left_out(write: Write) -> None:
    write(
        house___stage="from house.busy import a\nfrom house.quiet import b",
        house___busy____init__="from house.other import x",
        house___busy___a="",
        house___quiet____init__="'''Nothing here.'''",
        house___quiet___b="",
        house___other="x = 1",
    )
    assert found() == {"stage", "busy", "busy.a", "quiet.b", "other"}


def test_an_init_that_imports_when_asked_counts_where_its_name_is_wanted(write: Write) -> None:
    """A package that brings names in when they are asked for is not run by its modules' users."""
    lazy = "def __getattr__(name):\n    from house.other import x\n    return x"
    write(
        house___stage="from house.lazy import a",
        house___lazy____init__=lazy,
        house___lazy___a="",
        house___other="x = 1",
    )
    assert found() == {"stage", "lazy.a"}
    write(house___stage="from house.lazy import x")
    assert found() == {"stage", "lazy", "other"}


REGISTRY = "from house.registry import Registry\n"


@pytest.mark.parametrize(
    "made",
    [
        'KINDS = Registry("kind", "house.kinds")',
        'KINDS = Registry[int]("kind", "house.kinds")',
        'KINDS: "Registry[int]" = registry.Registry("kind", "house.kinds")',
    ],
)
def test_whoever_makes_a_registry_imports_all_of_its_package(write: Write, made: str) -> None:
    write(
        house___stage="from house.kind import KINDS",
        house___kind=REGISTRY + made,
        house___registry="class Registry: ...",
        house___kinds____init__="'''Kinds.'''",
        house___kinds___sae="import house.algebra",
        house___kinds___pool="import house.kind",
        house___algebra="",
    )
    everything = {"stage", "kind", "registry", "kinds.sae", "kinds.pool", "algebra"}
    assert found() == everything
    assert found(kinds=["pool"]) == everything - {"kinds.sae", "algebra"}
    assert found(kinds=["sae"]) == everything - {"kinds.pool"}
    assert found(kinds=["from_outside"]) == everything - {"kinds.sae", "kinds.pool", "algebra"}


def test_a_digest_changes_with_every_module_that_counts(write: Write) -> None:
    write(house___stage="import house.a", house___a="x = 1", house___other="")
    before = code_digest("house.stage")
    write(house___other="y = 1")
    assert code_digest("house.stage") == before
    write(house___a="x = 1  # a comment counts, too")
    assert code_digest("house.stage") != before


def test_a_digest_of_one_kind_leaves_the_others_out(write: Write) -> None:
    write(
        house___stage="import house.kind",
        house___kind='KINDS = Registry("kind", "house.kinds")',
        house___kinds____init__="'''Kinds.'''",
        house___kinds___sae="x = 1",
        house___kinds___pool="x = 1",
    )
    of_sae, of_pool = (code_digest("house.stage", {"house.kinds": [n]}) for n in ("sae", "pool"))
    assert of_sae != of_pool
    write(house___kinds___pool="x = 2")
    assert code_digest("house.stage", {"house.kinds": ["sae"]}) == of_sae
    assert code_digest("house.stage", {"house.kinds": ["pool"]}) != of_pool


def test_no_module_of_this_name(write: Write) -> None:
    write(house___stage="")
    with pytest.raises(ModuleNotFoundError, match=r"house\.nowhere"):
        imported_modules("house.nowhere")


def test_losses_of_one_proxy_do_not_depend_on_another() -> None:
    kinds = "semdim.proxies.kinds"
    of_sae = imported_modules("stages.compute_losses", {kinds: ["sae"]})
    assert f"{kinds}.sae" in of_sae and f"{kinds}.topk" not in of_sae
    assert f"{kinds}.topk" in imported_modules("stages.compute_losses")


def test_the_project_imports_by_full_names_as_this_reading_assumes() -> None:
    relative = [
        path
        for folder in ("src/semdim", "stages")
        for path in (ROOT / folder).rglob("*.py")
        if any(line.lstrip().startswith("from .") for line in path.read_text().splitlines())
    ]
    assert relative == []
