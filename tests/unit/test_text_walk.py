"""Links, circles, pipes and what cannot be read: read, or counted with a reason."""

import contextlib
import glob
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_factory import corpus

from semdim.errors import DataError
from semdim.text import walk
from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.source import source_digest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a text of its own, and beside it a store with another."""
    (tmp_path / "data" / "own").mkdir(parents=True)
    (tmp_path / "store").mkdir()
    (tmp_path / "data" / "own" / "a.txt").write_text("a text of the folder")
    (tmp_path / "store" / "b.txt").write_text("a text behind a link")
    return tmp_path / "data"


def read(path: Path, **settings: object) -> tuple[list[str], dict[str, int]]:
    """Names below the folder, and what was left out."""
    counts = ReadCounts()
    documents = load_documents(corpus("files", path=str(path), **settings), counts)
    root = walk.fixed_part(path)
    return [str(Path(d.name).relative_to(root)) for d in documents], dict(counts.dropped)


def test_a_linked_folder_is_read_and_a_dangling_link_counted(data: Path) -> None:
    (data / "linked").symlink_to(data.parent / "store")
    (data / "gone.txt").symlink_to("nowhere")
    for path in (data, data / "**" / "*.txt"):
        assert read(path) == (["linked/b.txt", "own/a.txt"], {"links_to_nothing": 1})
    rows = source_digest(corpus("files", path=str(data)))["files"]
    assert [row["name"] for row in rows] == ["linked/b.txt", "own/a.txt"]
    (document, _) = load_documents(corpus("files", path=str(data)))
    assert document.source == "linked"


def test_a_folder_is_read_once_under_its_own_name(data: Path) -> None:
    """Also where the link comes first in the order of names."""
    (data / "a_link").symlink_to(data / "own")
    (data / "b_link").symlink_to(data.parent / "store")
    (data / "c_link").symlink_to(data.parent / "store")
    names, dropped = read(data, drop_duplicates=False)
    assert names == ["b_link/b.txt", "own/a.txt"]
    assert dropped == {"folders_linked_twice": 2}


def test_a_circle_ends(data: Path) -> None:
    (data / "own" / "up").symlink_to(data)
    (data / "self").symlink_to("self")
    expected = {"folders_linked_twice": 1, "links_to_nothing": 1}
    assert read(data, drop_duplicates=False) == (["own/a.txt"], expected)
    names, dropped = read(data / "**" / "*.txt", drop_duplicates=False)
    assert (names, dropped) == (["own/a.txt"], {"folders_linked_in_a_circle": 1})


def test_circles_do_not_multiply(data: Path) -> None:
    """Three links to one folder are 3^40 paths to a glob that follows them all."""
    for name in ("x", "y", "z"):
        (data / name).symlink_to(data)
    names, dropped = read(data / "**" / "*.txt", drop_duplicates=False)
    assert (names, dropped) == (["own/a.txt"], {"folders_linked_in_a_circle": 3})


PARTS = st.sampled_from(["**", "*", "a", "b", "a*", "?", ".h", ".*", "[ab]", "a.txt", "*.txt"])


@given(
    files=st.lists(
        st.lists(st.sampled_from(["a", "b", "ab", ".h", "a.txt"]), min_size=1, max_size=3),
        max_size=6,
    ),
    parts=st.lists(PARTS, min_size=1, max_size=4),
)
@settings(max_examples=60)
def test_a_glob_matches_what_python_matches(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[str]], parts: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for names in files:
        path = root.joinpath(*names)
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    pattern = os.path.join(root, *parts)
    expected = {Path(name) for name in glob.glob(pattern, recursive=True) if os.path.isfile(name)}
    assert set(walk.in_glob(pattern, ReadCounts())) == expected


def test_a_linked_file_is_read_and_pipes_are_counted(data: Path) -> None:
    (data / "c.txt").symlink_to(data.parent / "store" / "b.txt")
    os.mkfifo(data / "pipe.txt")
    (data / "zero.txt").symlink_to("/dev/zero")
    assert read(data) == (["c.txt", "own/a.txt"], {"pipes_and_devices": 2})
    with pytest.raises(DataError, match="1 pipes_and_devices"):
        read(data / "pipe.txt")


@pytest.fixture
def forbidden(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file and a folder without permission to read, for root as well."""
    (data / "no").mkdir()
    for name in ("secret.txt", "no/c.txt"):
        (data / name).write_text("not to be read")
    (data / "secret.txt").chmod(0)
    (data / "no").chmod(0)
    access, scandir = os.access, os.scandir

    def may(path: os.PathLike[str] | str, mode: int, **more: bool) -> bool:
        return Path(path) not in (data / "no", data / "secret.txt") and access(path, mode, **more)

    def listed(path: str) -> object:
        if Path(path) == data / "no":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "access", may)
    monkeypatch.setattr(os, "scandir", listed)
    yield data  # type: ignore[misc]
    (data / "no").chmod(0o700)


def test_what_may_not_be_read_is_counted(forbidden: Path) -> None:
    expected = {"folders_unreadable": 1, "files_unreadable": 1}
    assert read(forbidden) == (["own/a.txt"], expected)
    source_digest(corpus("files", path=str(forbidden)))
    assert read(forbidden / "**" / "*.txt") == (["own/a.txt"], expected)
    assert read(forbidden / "*" / "*.txt") == (["own/a.txt"], {"folders_unreadable": 1})
    with pytest.raises(DataError, match=r"secret\.txt cannot be read"):
        read(forbidden / "secret.txt")
    with pytest.raises(DataError, match=r"left out: 1 folders_unreadable\)"):
        read(forbidden / "no")


def test_hidden_folders_and_links_are_counted(data: Path) -> None:
    (data / ".git").mkdir()
    for name in ("x.txt", "y.bin"):
        (data / ".git" / name).write_text("hidden")
    (data / ".link").symlink_to(data.parent / "store")
    assert read(data) == (["own/a.txt"], {"files_hidden": 2, "folders_hidden": 1})


def test_the_order_of_a_glob_is_that_of_its_names(data: Path) -> None:
    """Not that of their parts: a sample depends on it."""
    (data / "own-more").mkdir()
    (data / "own-more" / "c.txt").write_text("a third text")
    assert read(data / "**" / "*.txt")[0] == ["own-more/c.txt", "own/a.txt"]
    assert read(data)[0] == ["own/a.txt", "own-more/c.txt"]
