"""A Ray cluster while a stage uses it: found or started, measured, and given back."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from semdim.errors import ConfigError, WorkerError
from semdim.forward.spec import EngineSpec
from semdim.optional import package
from semdim.workers.address import check_reachable

#: Bytes of shared memory of a cluster that is started here: only indices and records travel.
OBJECT_STORE = 100 * 2**20


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Room:
    """What one worker takes, and how many the cluster holds."""

    cpus: int
    gpus: float
    n_workers: int


@contextmanager
def cluster(spec: EngineSpec) -> Iterator[tuple[Any, list[Node]]]:
    """Ray's module and the nodes of the cluster that the settings name.

    Raises:
        ConfigError: Ray is not installed, or the address is none.
        WorkerError: no cluster answers there.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with _handlers_kept():
        ray = package("ray", "engine.workers=ray", extra="ray")
        _connect(ray, spec)
    try:
        yield ray, _nodes(ray)
    finally:
        ray.shutdown()


def _connect(ray: Any, spec: EngineSpec) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if spec.ray_address is None:
        ray.init(
            address="local", include_dashboard=False, object_store_memory=OBJECT_STORE, **quiet
        )
        return
    if spec.ray_address != "auto":
        check_reachable(spec.ray_address)
    try:
        ray.init(address=spec.ray_address, **quiet)
    except (ConnectionError, RuntimeError) as error:
        if _wants_token(error):
            raise WorkerError(
                f"The Ray cluster at engine.ray_address = {spec.ray_address!r} asks for a token, "
                "as `ray start` sets it up: export RAY_AUTH_MODE=token, and have the cluster's "
                "token in ~/.ray/auth_token or RAY_AUTH_TOKEN."
            ) from error
        raise WorkerError(
            f"No Ray cluster can be used at engine.ray_address = {spec.ray_address!r} "
            f"({_first_line(error)}): start one with `ray start --head`, with the driver's "
            "versions of Python and Ray."
        ) from error


def _wants_token(error: BaseException | None) -> bool:
    """Whether a connection failed for want of the cluster's token; Ray wraps that twice."""
    while error is not None and type(error).__name__ != "AuthenticationError":
        error = error.__cause__ or error.__context__
    return error is not None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _nodes(ray: Any) -> list[Node]:
    """The nodes that workers may run on: a head that was started with none of either is none."""
    found = [
        Node(
            str(node["NodeID"]), float(node["Resources"].get("CPU", 0)),
            float(node["Resources"].get("GPU", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]  # fmt: skip
    return [node for node in found if node.cpus or node.gpus]


def room_of(nodes: list[Node], spec: EngineSpec) -> Room:
    """How many workers the cluster holds, of the size that the settings ask for.

    Raises:
        ConfigError: no node holds a single one.
    """
    most_gpus = max((node.gpus for node in nodes), default=0.0)
    may_be_gpu = spec.device in ("auto", "cuda")
    gpus = spec.gpus_per_worker
    if gpus is None:
        gpus = min(most_gpus, 1.0) if may_be_gpu else 0.0
    if gpus > most_gpus:
        raise ConfigError(
            f"engine.gpus_per_worker = {gpus:g} asks for more GPUs than any node of the cluster "
            f"has ({most_gpus:g}): choose {most_gpus:g} or less, or start nodes with more."
        )
    cpus, most_cpus = spec.n_threads or 1, max((node.cpus for node in nodes), default=0.0)
    if cpus > most_cpus:
        raise ConfigError(
            f"engine.n_threads = {cpus} asks for more cores than any node of the cluster has "
            f"({most_cpus:g}): choose {most_cpus:g} or less, or start nodes with more."
        )
    fits = [
        min(node.cpus // cpus, node.gpus // gpus if gpus else node.cpus // cpus) for node in nodes
    ]
    return Room(cpus, gpus, spec.n_workers or int(sum(fits)) or 1)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray puts a handler of its own on SIGTERM: the stage's is put back."""
    try:
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:
        kept = {}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
