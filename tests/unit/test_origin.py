"""What tells a source's content: every byte of a file counts, and large files are read once."""

import json
import os
from pathlib import Path

import pytest

from semdim import origin
from semdim.artifacts.hashing import file_digest
from semdim.errors import ConfigError


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read, in a folder where four bytes are many."""
    names: list[str] = []

    def counted(path: Path) -> str:
        names.append(path.name)
        return file_digest(path)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(origin, "LARGE", 4)
    monkeypatch.setattr(origin, "file_digest", counted)
    return names


def digests(*paths: str) -> dict[str, str]:
    return origin.files([Path(path) for path in paths], relative_to=Path())


def test_files_are_told_by_their_path_and_content(tmp_path: Path, read: list[str]) -> None:
    (tmp_path / "data").mkdir()
    for name, text in (("b.txt", "text"), ("a.txt", "te")):
        (tmp_path / "data" / name).write_text(text)
    found = digests("data/b.txt", "data/a.txt")
    assert list(found) == ["data/a.txt", "data/b.txt"]
    assert found["data/a.txt"] == file_digest(tmp_path / "data/a.txt")
    relative = origin.files([Path("data/a.txt")], relative_to=Path("data"))
    assert relative == {"a.txt": found["data/a.txt"]}


def test_large_files_are_read_once_and_small_ones_each_time(
    tmp_path: Path, read: list[str]
) -> None:
    (tmp_path / "large").write_text("weights")
    (tmp_path / "small").write_text("cfg")
    first = digests("large", "small")
    assert digests("large", "small") == first
    assert read == ["large", "small", "small"]
    assert len(json.loads(origin.MEMORY.read_text())) == 1


@pytest.mark.parametrize("change", ["size", "time", "another file in its place"])
def test_a_changed_file_is_read_again(tmp_path: Path, read: list[str], change: str) -> None:
    path = tmp_path / "large"
    path.write_text("weights")
    before, state = digests("large"), path.stat()
    path.write_text("weights!" if change == "size" else "WEIGHTS")
    later = 0 if change == "size" else 1_000
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + later))
    if change == "another file in its place":
        path.rename(tmp_path / "other")
        (tmp_path / "other").rename(path)
    after = digests("large")
    assert read == ["large", "large"] and after != before
    assert after["large"] == file_digest(path)
    # The earlier content comes back with its time: both are remembered.
    path.write_text("weights")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert digests("large") == before and len(read) == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, read: list[str], content: str) -> None:
    origin.MEMORY.parent.mkdir(parents=True)
    origin.MEMORY.write_text(content)
    (tmp_path / "large").write_text("weights")
    assert digests("large") == {"large": file_digest(tmp_path / "large")}
    assert isinstance(json.loads(origin.MEMORY.read_text()), dict)


def test_nothing_is_written_for_small_files(tmp_path: Path, read: list[str]) -> None:
    (tmp_path / "small").write_text("cfg")
    digests("small")
    assert not (tmp_path / "outputs").exists()


def test_a_file_that_cannot_be_read_is_named(read: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.txt cannot be read: No such file"):
        digests("nowhere.txt")


def test_versions_and_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    assert origin.package_version("pytest") == pytest.__version__
    assert origin.package_version("no-such-distribution") is None
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert origin.hub_commit("user/name", None) is None
    folder = tmp_path / "models--user--name"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text("abc123\n")
    (folder / "snapshots/def456").mkdir(parents=True)
    assert origin.hub_commit("user/name", None) == "abc123"
    assert origin.hub_commit("user/name", "def456") == "def456"  # a commit, not a branch
    assert origin.hub_commit("user/name", "v2") is None
    assert origin.hub_commit("user/name", None, "datasets") is None


def test_a_record_leaves_out_what_is_not_known() -> None:
    assert origin.as_record(version="1", commit=None, files={}) == {"version": "1", "files": {}}
