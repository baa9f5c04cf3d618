"""What identifies a corpus's text: it changes with the text, and with nothing else."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from text_factory import corpus, write_jsonl

from semdim.errors import DataError
from semdim.text.source import source_digest


def digest(kind: str, **settings: object) -> dict[str, Any]:
    """The digest, which must survive JSON."""
    found = source_digest(corpus(kind, **settings))
    assert json.loads(json.dumps(found)) == found
    assert found == source_digest(corpus(kind, **settings))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "notes"
    (root / "deep").mkdir(parents=True)
    (root / "b.txt").write_text("two")
    (root / "a.txt").write_text("one")
    (root / "deep" / "c.md").write_text("three")
    return root


def test_files_are_listed_by_relative_name_size_and_content(folder: Path) -> None:
    rows = digest("files", path=str(folder))["files"]
    assert [(row["name"], row["size"]) for row in rows] == [
        ("a.txt", 3), ("b.txt", 3), ("deep/c.md", 5),
    ]  # fmt: skip
    assert rows[0]["sha256"].startswith("7692c3ad3540bb80")  # of "one"
    (only,) = digest("files", path=str(folder / "a.txt"))["files"]
    assert only == rows[0]
    (found,) = digest("files", path=str(folder / "*" / "c.md"))["files"]
    assert found == rows[2]


def test_a_changed_byte_or_another_file_is_another_text(folder: Path) -> None:
    before = digest("files", path=str(folder))
    os.utime(folder / "a.txt", (1, 1))
    assert digest("files", path=str(folder)) == before
    (folder / "photo.jpg").write_bytes(b"\xff")
    (folder / ".hidden.txt").write_text("x")
    assert digest("files", path=str(folder)) == before
    assert digest("files", path=str(folder), role="far", n_tokens=5, min_characters=9) == before

    (folder / "a.txt").write_text("onf")
    changed = digest("files", path=str(folder))
    assert changed != before
    (folder / "d.txt").write_text("four")
    assert digest("files", path=str(folder)) not in (before, changed)
    assert digest("files", path=str(folder), exclude="*/d.txt") == changed


def test_the_same_folder_elsewhere_is_the_same_text(folder: Path, tmp_path: Path) -> None:
    before = digest("files", path=str(folder))
    folder.rename(tmp_path / "moved")
    assert digest("files", path=str(tmp_path / "moved")) == before


@pytest.mark.parametrize("kind", ["files", "jsonl", "parquet", "datasets"])
def test_a_missing_path_is_one_sentence(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="nowhere"):
        source_digest(corpus(kind, path=str(tmp_path / "nowhere")))


def test_a_file_that_cannot_be_read_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"of kind files at .* cannot be read: .*a\.txt"):
        source_digest(corpus("files", path=str(folder)))


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "datasets"])
def test_tables_count_by_content(tmp_path: Path, kind: str) -> None:
    rows = [{"text": "one"}, {"text": "two"}]
    path = tmp_path / ("rows.jsonl" if kind == "jsonl" else "rows.parquet")

    def write(rows: list[dict[str, object]]) -> None:
        if kind == "jsonl":
            write_jsonl(path, rows)
        else:
            parquet.write_table(pyarrow.Table.from_pylist(rows), path)

    where = {"path": str(path)}
    if kind == "datasets":
        where = {"path": "parquet", "data_files": str(path)}
    write(rows)  # type: ignore[arg-type]
    before = digest(kind, **where)
    assert [row["name"] for row in before["files"]] == [path.name]
    write([*rows, {"text": "three"}])  # type: ignore[list-item]
    assert digest(kind, **where) != before


def test_a_local_data_set_counts_by_its_files(folder: Path) -> None:
    rows = digest("datasets", path=str(folder))["files"]
    assert [row["name"] for row in rows] == ["a.txt", "b.txt", "deep/c.md"]


def test_a_data_set_on_the_hub_counts_by_revision_and_cached_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    settings = {"path": "allenai/c4", "name": "en"}
    before = digest("datasets", **settings)
    assert (before["path"], before["name"]) == ("allenai/c4", "en")
    assert before["revision"] is before["commit"] is None
    assert digest("datasets", **settings, revision="v2")["revision"] == "v2"
    references = tmp_path / "datasets--allenai--c4" / "refs"
    references.mkdir(parents=True)
    (references / "main").write_text("0123abcd\n")
    assert digest("datasets", **settings)["commit"] == "0123abcd"
    assert digest("datasets", **settings, revision="v2")["commit"] is None
    (tmp_path / "datasets--allenai--c4" / "snapshots" / "4567").mkdir(parents=True)
    assert digest("datasets", **settings, revision="4567")["commit"] == "4567"


def test_files_that_are_named_by_address_count_by_address() -> None:
    first, second = (
        digest("datasets", path="json", data_files=f"https://example.org/{name}.json")
        for name in ("a", "b")
    )
    assert first != second


def test_text_of_packages_counts_by_version_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = digest("gensim_english")
    assert english["package"] == "gensim" and len(english["files"]) == 2

    library = tmp_path / "library"
    (library / "test").mkdir(parents=True)
    (library / "a.py").write_text("x = 1\n")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(library)})
    before = digest("python_source", exclude="test/*")
    assert before["python"].startswith("CPython")
    (library / "test" / "b.py").write_text("y = 1\n")
    assert digest("python_source", exclude="test/*") == before
    assert digest("python_source") != before
    (library / "a.py").write_text("x = 2\n")
    assert digest("python_source", exclude="test/*") != before


def test_random_has_no_text_and_derived_corpora_that_of_their_base(folder: Path) -> None:
    assert digest("random") == {}
    base = {"kind": "files", "path": str(folder)}
    assert digest("replaced", base=base) == digest("shuffled", base=base) == digest(**base)
