"""A chain of links changes with the tables of its run, and with nothing that lies beside them."""

import json
from pathlib import Path

import pytest

from semdim.artifacts import chain
from semdim.errors import ArtifactError


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for name in ("english", "python"):
        (tmp_path / f"{name}.parquet").write_text(name)
    return tmp_path


def linked(folder: Path) -> bytes:
    """The last link of a chain over both tables."""
    chain.start(folder / "first.json")
    before = folder / "first.json"
    for name in ("english", "python"):
        link = folder / f"{name}.json"
        chain.extend(before, link, name, [folder / f"{name}.parquet"])
        before = link
    return before.read_bytes()


def test_a_chain_lists_what_is_in_it_in_order(tables: Path) -> None:
    linked(tables)
    assert chain.names(tables / "first.json") == []
    assert chain.names(tables / "english.json") == ["english"]
    assert chain.names(tables / "python.json") == ["english", "python"]


def test_the_last_link_changes_when_an_early_table_does(tables: Path) -> None:
    before = linked(tables)
    assert linked(tables) == before
    (tables / "english.parquet").write_text("another text")
    assert linked(tables) != before


def test_what_lies_beside_changes_nothing(tables: Path) -> None:
    before = linked(tables)
    (tables / "german.parquet").write_text("of another run")
    (tables / "german.json").write_text("{}")
    assert linked(tables) == before


def test_a_link_holds_several_files_by_their_paths(tables: Path) -> None:
    chain.start(tables / "first.json")
    files = [tables / "english.parquet", tables / "python.parquet"]
    chain.extend(tables / "first.json", tables / "both.json", "both", files)
    (link,) = json.loads((tables / "both.json").read_text())["links"]
    assert list(link["files"]) == [path.as_posix() for path in files]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"links": 3}', '{"other": []}'])
def test_a_link_that_is_missing_or_damaged_is_named(tables: Path, content: str | None) -> None:
    link = tables / "link.json"
    if content is not None:
        link.write_text(content)
    with pytest.raises(ArtifactError, match=r"link\.json .*; `dvc repro` writes it again"):
        chain.names(link)
    with pytest.raises(ArtifactError, match=r"link\.json .*; `dvc repro` writes it again"):
        chain.extend(link, tables / "next.json", "x", [])
    assert not (tables / "next.json").exists()
