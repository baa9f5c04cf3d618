"""Damage in DVC's cache is found before a stage is given it."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from stages.support.cached import MEMORY, cache_folder, remove_damaged


def stored(root: Path, content: bytes, ending: str = "") -> str:
    """Put an object into the cache; its name."""
    name = hashlib.md5(content).hexdigest() + ending
    path = cache_folder(root) / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return name


def place(root: Path, name: str) -> Path:
    return cache_folder(root) / name[:2] / name[2:]


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, list[str]]:
    inside = stored(tmp_path, b"a shard of a folder")
    entries = [{"md5": inside, "relpath": "shard-00000.safetensors"}]
    names = [stored(tmp_path, json.dumps(entries).encode(), ".dir"), inside]
    names += [stored(tmp_path, b"a ledger"), stored(tmp_path, b"of another run")]
    lines = [f"      md5: {name}" for name in (names[0], names[2])]
    (tmp_path / "dvc.lock").write_text("\n".join(["outs:", *lines, ""]))
    return tmp_path, names


def damage(path: Path, *, seen: bool = True) -> None:
    state = path.stat()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    if not seen:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_whole_cache_is_left_as_it_is(project: tuple[Path, list[str]]) -> None:
    root, names = project
    assert remove_damaged(root) == [] == remove_damaged(root)
    assert all(place(root, name).exists() for name in names)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("hashed_before", [True, False])
def test_a_damaged_object_is_named_and_removed(
    project: tuple[Path, list[str]], which: int, hashed_before: bool
) -> None:
    root, names = project
    if hashed_before:
        remove_damaged(root)
    damage(place(root, names[which]))
    assert remove_damaged(root) == [names[which]]
    assert not place(root, names[which]).exists()
    assert remove_damaged(root) == []


def test_what_a_damaged_list_of_files_named_is_looked_at_as_well(
    project: tuple[Path, list[str]],
) -> None:
    """DVC would link the damaged file into the folder that a stage has computed again."""
    root, names = project
    for name in names[:2]:
        damage(place(root, name))
    (place(root, names[0]).parent / "unfinished.tmp").touch()
    assert remove_damaged(root) == names[:2]
    assert (place(root, names[0]).parent / "unfinished.tmp").exists()
    assert remove_damaged(root) == []


def test_what_this_run_does_not_use_is_not_read(project: tuple[Path, list[str]]) -> None:
    root, names = project
    damage(place(root, names[3]))
    assert remove_damaged(root) == []


def test_damage_that_changes_no_time_is_found_when_asked_for(
    project: tuple[Path, list[str]],
) -> None:
    root, names = project
    remove_damaged(root)
    damage(place(root, names[2]), seen=False)
    assert remove_damaged(root) == []
    assert remove_damaged(root, again=True) == [names[2]]


def test_what_has_not_changed_is_hashed_once(
    project: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = project
    remove_damaged(root)
    written = (root / MEMORY).stat().st_mtime_ns
    monkeypatch.setattr(
        "stages.support.cached._is_whole", lambda *_: pytest.fail("hashed once more")
    )
    assert remove_damaged(root) == []
    assert (root / MEMORY).stat().st_mtime_ns == written


def test_a_cache_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    assert cache_folder(tmp_path) == tmp_path.absolute() / ".dvc/cache/files/md5"
    (tmp_path / ".dvc/config").write_text("[cache]\n    dir = ../../shared\n['remote \"x\"']\n")
    assert cache_folder(tmp_path) == tmp_path / ".dvc/../../shared/files/md5"
    (tmp_path / ".dvc/config.local").write_text("[cache]\n    dir = /big/disk\n")
    assert cache_folder(tmp_path) == Path("/big/disk/files/md5")


def test_without_dvc_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert remove_damaged(tmp_path) == []
