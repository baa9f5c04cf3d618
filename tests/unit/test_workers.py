"""What is refused before a cluster starts to work, and how one shard is written by a worker."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from semdim.artifacts.one_shard import Unfinished
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.errors import ConfigError, WorkerError
from semdim.forward.spec import EngineSpec
from semdim.workers import checks
from semdim.workers.address import check_reachable
from semdim.workers.checks import expectations, fault_here
from semdim.workers.cluster import Node, room_of
from semdim.workers.job import Job, Part
from stages import ROOT

MODULE = "semdim.errors"


def writer(tmp_path: Path, n_shards: int = 3) -> ShardWriter:
    return ShardWriter(tmp_path / "final", work=tmp_path / "work", key="k", n_shards=n_shards)


def tensors(index: int) -> dict[str, torch.Tensor]:
    return {"x": torch.arange(4) + index}


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_shards_of_workers_make_the_artifact_that_one_process_makes(tmp_path: Path) -> None:
    alone, shared = writer(tmp_path / "alone"), writer(tmp_path / "shared")
    for index in (0, 1, 2):
        alone.write(index, tensors(index))
    alone.publish({"a": 1})
    place = Unfinished.of(shared)
    for index in (2, 0, 1):  # in whatever order
        one = place.only(index)
        assert one.missing == [index]
        one.write(index, tensors(index))
        assert one.missing == [] and one.record is not None
        shared.take(index, one.record)
    assert place.only(3).missing == []  # beyond the end of this artifact
    (shared.folder / "shard-00001.0123.tmp").write_bytes(b"of a worker that was killed")
    shared.publish({"a": 1})
    assert files(shared.final) == files(alone.final)
    assert len(Artifact.open(shared.final)) == 3


def test_a_shard_that_is_there_is_not_computed_again_unless_it_is_damaged(tmp_path: Path) -> None:
    place = Unfinished.of(writer(tmp_path))
    place.only(1).write(1, tensors(1))
    assert place.only(1).missing == [] and torch.equal(place.read(1)["x"], tensors(1)["x"])
    shard = place.folder / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert place.only(1).missing == [1]


def test_tokens_are_counted_shard_by_shard(tmp_path: Path) -> None:
    whole, part = writer(tmp_path / "a"), writer(tmp_path / "b", n_shards=2)
    whole.write(0, tensors(0))
    job = Job("m", "f", (), (Part(whole, 25, 10), Part(part, 14, 10)))
    assert job.missing == [0, 1, 2]
    assert job.tokens() == {0: 10, 1: 10 + 4, 2: 5}


@pytest.mark.parametrize("address", ["here", "host:", ":6379", "host:0", "ray://host:10001"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"should be host:port") as caught:
        check_reachable(address)
    assert address in str(caught.value)


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """A port where connections are taken and nothing is said."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()


def test_where_nothing_listens_or_answers_is_refused_within_ten_seconds(
    silent: tuple[str, int],
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    for address in (closed, f"127.0.0.1:{silent[1]}"):
        start = time.monotonic()
        with pytest.raises(WorkerError, match="No Ray cluster answers at") as caught:
            check_reachable(address)
        assert time.monotonic() - start < 10 and address in str(caught.value)


def test_a_server_that_is_not_ray_is_refused(silent: tuple[str, int]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def answers() -> None:
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")
            connection.close()

        thread = threading.Thread(target=answers)
        thread.start()
        with pytest.raises(WorkerError, match="is not a Ray cluster"):
            check_reachable(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_as_many_workers_as_there_is_room_for() -> None:
    nodes = [Node("a", 8.0, 0.0), Node("b", 16.0, 4.0), Node("c", 3.0, 1.0)]
    spec = EngineSpec(workers="ray")
    assert (room_of(nodes, spec).n_workers, room_of(nodes, spec).gpus) == (5, 1)
    assert room_of(nodes, EngineSpec(device="cpu")).n_workers == 27
    assert room_of(nodes, EngineSpec(device="cpu", n_threads=4)).n_workers == 2 + 4 + 0
    assert room_of(nodes, EngineSpec(gpus_per_worker=0.5)).n_workers == 8 + 2
    assert room_of(nodes, EngineSpec(n_workers=3)).n_workers == 3
    assert room_of(nodes[:1], spec).gpus == 0


def test_workers_that_no_node_holds_are_refused() -> None:
    nodes = [Node("a", 8.0, 2.0), Node("b", 8.0, 1.0)]
    with pytest.raises(ConfigError, match=r"gpus_per_worker = 4 .*has \(2\)"):
        room_of(nodes, EngineSpec(gpus_per_worker=4.0))
    with pytest.raises(ConfigError, match=r"n_threads = 16 .*has \(8\)"):
        room_of(nodes, EngineSpec(n_threads=16))
    with pytest.raises(ConfigError, match=r"gpus_per_worker = 1 "):
        room_of([Node("a", 8.0, 0.0)], EngineSpec(gpus_per_worker=1.0))


@pytest.fixture
def stays_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """`fault_here` changes the working directory of a worker: not of the tests."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_worker_that_sees_and_runs_the_same_is_taken(stays_here: Path) -> None:
    with expectations(stays_here, ROOT, stays_here, MODULE) as expected:
        assert expected.probe.exists()
        assert fault_here(expected) is None
    assert not expected.probe.exists()


def test_a_worker_that_does_not_see_the_folder_is_refused(stays_here: Path) -> None:
    with expectations(stays_here, ROOT, stays_here, MODULE) as expected:
        expected.probe.write_text("of another file system")
        fault = fault_here(expected)
        assert fault is not None and f"cannot read {stays_here}" in fault
        expected.probe.unlink()
        assert fault_here(expected) == fault


@pytest.mark.parametrize("name", ["torch", "Python", checks.CODE])
def test_a_worker_of_another_version_is_refused(
    stays_here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with expectations(stays_here, ROOT, stays_here, MODULE) as expected:
        theirs = dict(expected.fingerprint) | {name: "0.0.0other"}
        monkeypatch.setattr(checks, "fingerprint", lambda module: tuple(theirs.items()))
        fault = fault_here(expected)
    assert fault is not None and "0.0.0" in fault and fault.count(".\n") == 0
    assert ("semdim" if name == checks.CODE else name) in fault


def test_another_byte_of_code_is_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = checks.fingerprint(MODULE)
    assert dict(ours).keys() >= {"Python", "torch", "semdim", checks.CODE}
    assert checks.fingerprint("semdim.optional") != ours
