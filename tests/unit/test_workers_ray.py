"""Shards computed on a cluster of two raylets on this machine, and what may befall it."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from semdim.artifacts.shards import ShardWriter
from semdim.errors import ConfigError, WorkerError
from semdim.forward.spec import EngineSpec
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.paths import Paths
from semdim.workers import checks
from semdim.workers.cluster import cluster
from semdim.workers.job import Job, Part, in_this_process
from semdim.workers.on_ray import _check_nodes, on_ray
from stages import ROOT, cache_activations
from stages.support.configuration import composed
from stages.support.run import Run, Unit

N_SHARDS, SHARD_TOKENS = 8, 10
STORE = 80 * 2**20
#: So that the loss of a node is noticed in two seconds, and not in half a minute.
QUICK = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """A head and a second raylet, a core each."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": STORE}
    head = size | {"include_dashboard": False, "_system_config": QUICK}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        made.add_node(**size)
        yield made
    finally:
        made.shutdown()


class Shown:
    """A bar that remembers, and may do something at its n-th move."""

    def __init__(self, at: int = -1, then: Callable[[], object] = lambda: None) -> None:
        self.moves: list[float] = []
        self.words = ""
        self.at, self.then = at, then

    def update(self, n: float | None = 1) -> None:
        self.moves.append(n or 0)
        if len(self.moves) == self.at:
            self.then()

    def set_postfix_str(self, s: str = "") -> None:
        self.words = s


def a_job(folder: Path, faults: dict[int, str] | None = None, seconds: float = 0.0) -> Job:
    folder.mkdir(exist_ok=True)
    writer = ShardWriter(folder / "final", work=folder / "work", key="k", n_shards=N_SHARDS)
    part = Part(writer, N_SHARDS * SHARD_TOKENS - 3, SHARD_TOKENS)
    return Job("tests.fixtures.shard_jobs", "load", (folder, faults, seconds), (part,))


def on_cluster(address: str, job: Job, folder: Path, bar: Shown, **settings: Any) -> None:
    spec = EngineSpec(workers="ray", ray_address=address, device="cpu", **settings)
    here = checks.expectations(folder, ROOT, folder, "semdim.errors")
    with cluster(spec) as (ray, nodes), here as expected:
        on_ray(job, bar, spec, ray, nodes, expected)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The artifact as one process makes it."""
    folder = tmp_path_factory.mktemp("alone")
    job = a_job(folder)
    in_this_process(job, job.start(), Shown())
    return published(job)


def published(job: Job) -> dict[str, str]:
    writer = job.parts[0].writer
    writer.publish({"facts": 1})
    assert not writer.folder.exists() and not writer.records.exists()
    return contents(writer.final)


def test_a_worker_that_is_killed_and_one_that_fails_once_change_no_byte(
    tmp_path: Path, two_nodes: Any, alone: dict[str, str]
) -> None:
    job, bar = a_job(tmp_path, {3: "killed once", 5: "raises once"}), Shown()
    job.parts[0].writer.write(0, {"x": torch.tensor([0, 1, 2])})  # of an earlier run
    on_cluster(two_nodes.address, job, tmp_path, bar)
    assert {path.name for path in tmp_path.glob("fault-*")} == {"fault-3", "fault-5"}
    assert sum(bar.moves) == (N_SHARDS - 1) * SHARD_TOKENS - 3
    assert bar.words == f"{N_SHARDS} of {N_SHARDS} shards, 1 worker"
    assert published(job) == alone


def test_shards_that_fail_twice_are_named_and_the_others_kept(
    tmp_path: Path, two_nodes: Any, alone: dict[str, str]
) -> None:
    faults = {1: "raises", 4: "killed", 6: "memory"}
    job = a_job(tmp_path, faults)
    with pytest.raises(WorkerError) as caught:
        on_cluster(two_nodes.address, job, tmp_path, Shown())
    assert str(caught.value) == (
        f"Shards 1, 4, 6 of {tmp_path / 'final'} have failed 2 times (the third value is NaN); the "
        "other shards are kept, and the same command continues from there."
    )
    assert job.missing == sorted(faults)
    again = a_job(tmp_path)
    assert again.missing == sorted(faults)
    in_this_process(again, again.start(), Shown())
    assert published(again) == alone


def test_bad_settings_are_one_sentence_before_anything_is_loaded(
    tmp_path: Path, two_nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(tmp_path)
    with pytest.raises(ConfigError, match=r"gpus_per_worker = 1 .* \(0\)"):
        on_cluster(two_nodes.address, job, tmp_path, Shown(), gpus_per_worker=1.0)
    ours = checks.fingerprint("semdim.errors")
    other = tuple({**dict(ours), "torch": "1.13.0"}.items())
    with monkeypatch.context() as patch, pytest.raises(WorkerError, match=r"the driver torch 1\.1"):
        patch.setattr(checks, "fingerprint", lambda module: other)
        on_cluster(two_nodes.address, job, tmp_path, Shown())
    with monkeypatch.context() as patch, pytest.raises(WorkerError, match="cannot read"):
        patch.setattr(checks, "write_atomically", lambda path, text: None)
        on_cluster(two_nodes.address, job, tmp_path, Shown())
    assert not list(tmp_path.glob("loaded-*")) and len(job.missing) == N_SHARDS


def a_run(*settings: str) -> Run:
    params = yaml.safe_load(
        composed(["experiment=smoke", "engine.shard_sequences=4", "engine.device=cpu", *settings])
    )
    return Run(
        params, Unit(probe="tiny", corpus="english"), Paths(Path(".")), "stages.cache_activations"
    )


@pytest.mark.parametrize("stored", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_a_stage_writes_the_same_bytes_on_a_cluster(
    tmp_path: Path, two_nodes: Any, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """Norms alone are two passes, the second of which reads what all workers saw in the first."""
    monkeypatch.chdir(tmp_path)
    run = a_run()
    export_model(ModelSource.from_mapping(run.setting("models")["tiny"]), run.paths.model("tiny"))
    ids = np.random.default_rng(0).integers(5, 700, (14, 32)).astype(np.int32)
    tokens = run.writer(run.paths.tokens("tiny", "english"), inputs=[], params=0, n_shards=1)
    tokens.write(0, {"token_ids": torch.from_numpy(ids), "document": torch.arange(14).int()})
    tokens.publish({})
    found = []
    main = cache_activations.main.__wrapped__  # type: ignore[attr-defined]
    there = ["engine.workers=ray", f"engine.ray_address='{two_nodes.address}'"]
    for settings in ([], [*there, "engine.n_workers=1"]):
        main(a_run(f"engine.store_activations={stored}", *settings))
        folder = run.paths.activations("tiny", run.hook, "english")
        found.append(contents(folder))
        shutil.rmtree(folder)
    assert found[0] == found[1] and len(found[0]) == 4 + 1
    assert not [path for path in run.paths.partial.iterdir() if path.name != "rates.json"]


def test_a_node_that_is_lost_changes_no_byte(
    tmp_path: Path, two_nodes: Any, alone: dict[str, str]
) -> None:
    """The last test: the cluster is not whole afterwards."""
    (worker,) = two_nodes.worker_nodes
    job, bar = a_job(tmp_path, seconds=0.4), Shown(at=3, then=worker.kill_raylet)
    on_cluster(two_nodes.address, job, tmp_path, bar)
    loaded = {int(path.name.partition("-")[2]) for path in tmp_path.glob("loaded-*")}
    assert len(loaded) >= 2 and os.getpid() not in loaded
    assert published(job) == alone


def test_a_cluster_that_asks_for_a_token_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.exceptions import AuthenticationError

    from semdim.workers import cluster

    class Ray:
        def __init__(self, cause: Exception) -> None:
            self.cause = cause

        def init(self, **_: object) -> None:
            try:
                raise RuntimeError("Failed to connect to GCS") from self.cause
            except RuntimeError as error:
                raise ConnectionError("Failed to connect to Ray cluster") from error

    spec = EngineSpec(workers="ray", ray_address="auto", device="cpu")
    with pytest.raises(WorkerError, match=r"asks for a token, .* export RAY_AUTH_MODE=token"):
        cluster._connect(Ray(AuthenticationError("a token is missing")), spec)
    with pytest.raises(WorkerError, match="start one with `ray start --head`"):
        cluster._connect(Ray(OSError("nobody there")), spec)


def test_a_node_that_is_gone_before_it_was_asked_is_passed_over() -> None:
    from ray import exceptions

    from semdim.workers.cluster import Node

    class Ray:
        """Tasks whose answers are prepared, by node."""

        def __init__(self, *answers: Any) -> None:
            self.exceptions, self.answers = exceptions, iter(answers)

        def remote(self, _: object) -> "Ray":
            return self

        def options(self, **_: object) -> "Any":
            return SimpleNamespace(remote=lambda expected: next(self.answers))

        def get(self, answer: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    nodes = [Node(id="a" * 56, cpus=1.0, gpus=0.0), Node(id="b" * 56, cpus=1.0, gpus=0.0)]
    gone = exceptions.TaskUnschedulableError("that node does not exist any more")
    _check_nodes(Ray(gone, None), nodes, None)
    with pytest.raises(WorkerError, match="torch"):
        _check_nodes(Ray(gone, "another torch"), nodes, None)
    with pytest.raises(WorkerError, match="All nodes of the cluster were lost"):
        _check_nodes(Ray(gone, gone), nodes, None)
    with pytest.raises(WorkerError, match="cannot run semdim"):
        _check_nodes(Ray(None, exceptions.RaySystemError("no semdim here")), nodes, None)
