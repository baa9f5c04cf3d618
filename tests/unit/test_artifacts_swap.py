"""Replacing, locking and leftovers: no moment with neither, one writer, nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from semdim.artifacts import swap
from semdim.artifacts.lock import locked
from semdim.artifacts.shards import Artifact, ShardWriter, write_atomically
from semdim.artifacts.temporary import remove_leftovers, temporary_of
from semdim.errors import ArtifactError
from semdim.models.publish import publish_folder, sole_writer


def folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "facts.json").write_text(text)
    return path


def in_python(code: str, *arguments: object) -> subprocess.Popen:  # type: ignore[type-arg]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("exchanges", [True, False])
def test_the_new_folder_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    final, fresh = folder(tmp_path / "final", "old"), folder(tmp_path / "fresh", "new")
    swap.put_in_place(fresh, final)
    assert (final / "facts.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have calls of their own")
def test_a_reader_never_finds_neither(tmp_path: Path) -> None:
    """With two renames 3 % of such reads found nothing; with a removal first, nine in ten."""
    final, stop, missing = folder(tmp_path / "final", "0"), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                (final / "facts.json").read_text()
            except FileNotFoundError as error:
                missing.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        swap.put_in_place(folder(tmp_path / "fresh", str(number)), final)
    stop.set()
    reader.join()
    assert not missing


def test_a_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    final = folder(tmp_path / "final", "old")
    with pytest.raises(FileNotFoundError):
        swap.put_in_place(tmp_path / "absent", final)
    assert (final / "facts.json").read_text() == "old"


HOLDER = """
import sys, time
from pathlib import Path
from semdim.artifacts.lock import locked
with locked(Path(sys.argv[1]), "the export") as held:
    print(held, flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = in_python(HOLDER, path)
    assert holder.stdout is not None and holder.stdout.readline() == "True\n"
    with (
        pytest.raises(ArtifactError, match=f"Process {holder.pid} is working on the export"),
        locked(path, "the export"),
    ):
        pass
    holder.kill()
    holder.communicate()
    assert path.exists(), "nobody was left to remove it"
    with locked(path, "the export") as held:
        assert held
    assert not path.exists()


def test_one_writer_waits_for_the_other(tmp_path: Path) -> None:
    path, told, order = tmp_path / "lock", [], []
    first = in_python(HOLDER, path)
    assert first.stdout is not None and first.stdout.readline() == "True\n"

    def wait() -> None:
        with locked(path, "the export", on_wait=told.append) as held:
            order.append(("second", held))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not told:
        time.sleep(0.01)
    order.append(("first ends", True))
    first.kill()
    first.communicate()
    waiting.join(timeout=10)
    assert order == [("first ends", True), ("second", True)]
    assert told == [f"Process {first.pid} is working on the export; waiting for it to end."]
    assert not path.exists()


def test_where_nothing_can_be_written_there_is_no_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "absent" / "lock", "the export") as held:
        assert not held


PUBLISHER = """
import os, sys
from pathlib import Path
from semdim.models.publish import publish_folder, sole_writer
out = Path(sys.argv[1])
with sole_writer(out), publish_folder(out) as fresh:
    (fresh / "facts.json").write_text("half")
    print(flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), 9)
"""


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """Kills left the half-written folder beside the export for good."""
    out = tmp_path / "export"
    killed = in_python(PUBLISHER, out, "die")
    assert killed.wait() == -signal.SIGKILL
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2 and ".export.lock" in left
    theirs = folder(tmp_path / ".export.backup_1", "a user's own")
    with sole_writer(out):
        assert {path.name for path in tmp_path.iterdir()} == {".export.lock", theirs.name}
    assert [path.name for path in tmp_path.iterdir()] == [theirs.name]


def test_nothing_of_a_running_process_is_removed(tmp_path: Path) -> None:
    out, told = tmp_path / "export", []
    running = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(out), "wait"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None and running.stdout.readline() == "\n"
    work = next(path for path in tmp_path.iterdir() if path.is_dir())

    def second() -> None:
        with sole_writer(out):
            told.append((out / "facts.json").read_text())

    waiting = threading.Thread(target=second)
    waiting.start()
    time.sleep(0.3)
    assert (work / "new" / "facts.json").read_text() == "half" and not told
    running.communicate("go on")
    waiting.join(timeout=10)
    assert told == ["half"], "it found what the first had finished"


def test_an_old_export_that_was_set_aside_comes_back(tmp_path: Path) -> None:
    """Killed between two renames, where names cannot be exchanged in one step."""
    out = tmp_path / "export"
    folder(tmp_path / ".export.abcdefgh" / "new.old", "old")
    folder(tmp_path / ".export.abcdefgh" / "new", "new")
    with sole_writer(out):
        assert (out / "facts.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_an_error_leaves_the_export_as_it_was(tmp_path: Path) -> None:
    out = folder(tmp_path / "export", "old")
    with pytest.raises(KeyboardInterrupt), sole_writer(out), publish_folder(out) as fresh:
        (fresh / "facts.json").write_text("new")
        raise KeyboardInterrupt
    assert (out / "facts.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def tensors(index: int) -> dict[str, torch.Tensor]:
    return {"x": torch.full((4,), float(index))}


def shard_writer(root: Path, n_shards: int = 2, key: str = "k") -> ShardWriter:
    return ShardWriter(root / "final", work=root / "partial", key=key, n_shards=n_shards)


def test_what_a_kill_leaves_among_the_shards_is_never_published(tmp_path: Path) -> None:
    """An older artifact of more shards lay there after a kill between exchange and removal."""
    writer = shard_writer(tmp_path)
    writer.write(0, tensors(0))
    for name in ("shard-00002.safetensors", "manifest.json", "shard-00001.tmp"):
        (writer.folder / name).write_text("of another time")
    again = shard_writer(tmp_path)
    assert again.missing == [1] and not again.damaged
    again.write(1, tensors(1))
    again.publish({})
    names = {path.name for path in again.final.iterdir()}
    assert names == {"manifest.json", "shard-00000.safetensors", "shard-00001.safetensors"}
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_kill_before_the_last_step_loses_no_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records were removed before the folder was put in its place: all was computed again."""
    writer = shard_writer(tmp_path)
    for index in range(2):
        writer.write(index, tensors(index))

    def killed(fresh: Path, final: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("semdim.artifacts.shards.put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.publish({})
    again = shard_writer(tmp_path)
    assert again.missing == []
    again.publish({})
    assert len(Artifact.open(tmp_path / "final")) == 2


def test_a_shard_of_the_replaced_artifact_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    old = shard_writer(tmp_path, key="old")
    for index in range(2):
        old.write(index, tensors(7))
    old.publish({})
    new = shard_writer(tmp_path, key="new")
    for index in range(2):
        new.write(index, tensors(index))
    assert swap.exchange(new.folder, new.final), "killed just after the exchange"
    again = shard_writer(tmp_path, key="new")
    assert again.missing == [0, 1]
    assert [path for path in again.folder.iterdir()] == []


def test_two_threads_that_write_one_file_leave_one_of_both(tmp_path: Path) -> None:
    """The second one's rename failed, because the first had moved the file that both wrote."""
    path, errors = tmp_path / "rates.json", []
    texts = ["a" * 50_000, "b" * 70_000]

    def write(text: str) -> None:
        try:
            for _ in range(40):
                write_atomically(path, text)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not path.exists() or path.read_text() in texts
    assert not errors
    assert [item.name for item in tmp_path.iterdir()] == ["rates.json"]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomically(path, "old")
    with pytest.raises(ValueError), temporary_of(path) as stream:
        stream.write(b"half")
        raise ValueError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_temporary_files_of_killed_writers_are_removed_and_those_in_use_stay(
    tmp_path: Path,
) -> None:
    (tmp_path / ".rates.json.tmp").write_text("half")
    (tmp_path / "rates.json").write_text("whole")
    with temporary_of(tmp_path / "digests.json") as stream:
        remove_leftovers(tmp_path)
        stream.write(b"fresh")
    assert {path.name for path in tmp_path.iterdir()} == {"rates.json", "digests.json"}
    assert (tmp_path / "digests.json").read_text() == "fresh"
