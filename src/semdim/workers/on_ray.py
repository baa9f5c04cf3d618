"""The missing shards of a job, computed by the workers of a Ray cluster.

Ray's documentation recommends stateful actors that load a model once and keep it, through Ray Data
where blocks of data stream from one step to the next. Here only the numbers of shards travel, since
workers read and write a file system that they share, so these are Ray's plain actors in Ray's own
`ActorPool`: they start seven seconds sooner. Ray restarts a worker that died, also on another node,
and gives it the shard again; one shard at a time is with each worker.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from semdim.errors import WorkerError
from semdim.forward.spec import EngineSpec
from semdim.workers.checks import Expected, fault_here
from semdim.workers.cluster import Node, Room, room_of
from semdim.workers.job import Bar, Job
from semdim.workers.message import START, Answer, Message, Worker

#: How often a shard is given out again, by us where its work failed, and each time by Ray where its
#: worker died.
RETRIES = 1
_NAMED = 5
"""Shards that a message names."""


def on_ray(
    job: Job, bar: Bar, spec: EngineSpec, ray: Any, nodes: list[Node], expected: Expected
) -> None:
    """Compute the missing shards of ``job`` on the cluster; what is finished is noted at once.

    Raises:
        WorkerError: a node cannot work for this driver, or shards failed more often than they are
            retried; the message names them. All others are finished and kept.
    """
    if not job.missing:
        return
    room, message = room_of(nodes, spec), Message.of(job, expected)

    def check() -> None:
        _check_nodes(ray, nodes, expected)

    failed: dict[int, str] = {}
    for _ in range(1 + RETRIES):
        failed = _round(ray, job, bar, room, message, check)
        if not failed:
            return
    raise WorkerError(_words(job, failed))


def _check_nodes(ray: Any, nodes: list[Node], expected: Expected) -> None:
    """Before anything is loaded, every node answers whether it sees the files and has the code.

    One that was lost since it was listed is passed over: it gets no work.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    check = ray.remote(fault_here)
    asked = [
        check.options(
            num_cpus=0,
            max_retries=1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        ).remote(expected)
        for node in nodes
    ]
    lost = (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError)
    faults: list[str | None] = []
    for answer in asked:
        try:
            faults.append(ray.get(answer))
        except ray.exceptions.RayError as error:
            if isinstance(error, lost):
                continue
            raise WorkerError(
                f"A node of the cluster cannot run semdim ({_last_line(error)}): install the "
                "driver's version of semdim and its packages on every node."
            ) from error
    if not faults:
        raise WorkerError("All nodes of the cluster were lost before they had answered.")
    for fault in faults:
        if fault is not None:
            raise WorkerError(fault)


def _round(
    ray: Any, job: Job, bar: Bar, room: Room, message: Message, check: Callable[[], None]
) -> dict[int, str]:
    """Give every missing shard out once; those that failed, with the reason."""
    tokens = job.tokens()
    failed = dict.fromkeys(tokens, "its worker died each time: killed, or out of memory")
    n_shards = max(part.writer.n_shards for part in job.parts)
    n_workers = min(room.n_workers, len(tokens))
    workers = "1 worker" if n_workers == 1 else f"{n_workers} workers"
    for answer in _answers(ray, list(tokens), n_workers, room, message, check):
        if answer.failed_in == START:
            raise WorkerError(
                answer.error if answer.is_ours else
                f"The worker on {answer.host} could not start: {answer.error}."
            )  # fmt: skip
        if answer.failed_in is not None:
            failed[answer.index] = answer.error
            continue
        del failed[answer.index]
        bar.update(tokens[answer.index])
        for part, record in zip(job.parts, answer.records, strict=True):
            if record is not None:
                part.writer.take(answer.index, record)
        done = n_shards - len(failed)
        bar.set_postfix_str(f"{done} of {n_shards} shards, {workers}")
    return failed


def _answers(
    ray: Any,
    missing: list[int],
    n_workers: int,
    room: Room,
    message: Message,
    check: Callable[[], None],
) -> Iterator[Answer]:
    """The answers of the workers, in the order in which they come; none for a worker that died.

    check: called while the workers' processes start, before they are given anything.
    """
    from ray.util import ActorPool

    kind = ray.remote(Worker).options(
        num_cpus=room.cpus, num_gpus=room.gpus, max_restarts=-1, max_task_retries=RETRIES
    )
    actors = [kind.remote(message) for _ in range(n_workers)]
    pool, waiting = ActorPool(actors), deque(missing)
    try:
        check()
        while waiting or pool.has_next():
            while waiting and pool.has_free():
                pool.submit(lambda actor, index: actor.answer.remote(index), waiting.popleft())
            while not waiting and pool.has_free():
                ray.kill(pool.pop_idle())  # makes room for one that Ray is starting again
            try:
                yield pool.get_next_unordered()
            except ray.exceptions.RayError:
                continue
    finally:
        for actor in actors:
            ray.kill(actor)


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")


def _words(job: Job, failed: dict[int, str]) -> str:
    """The shards that failed, with the reason of the first."""
    named = [str(index) for index in sorted(failed)]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    place = job.parts[0].writer.final
    which, have = ("Shard", "has") if len(named) == 1 else ("Shards", "have")
    return (
        f"{which} {', '.join(named[:_NAMED])}{more} of {place} {have} failed {1 + RETRIES} times "
        f"({failed[min(failed)].rstrip('.')}); the other shards are kept, and the same command "
        "continues from there."
    )
