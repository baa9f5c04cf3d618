"""The shards that a stage is missing, computed by whatever the settings name: no stage knows."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from semdim.artifacts.shards import ShardWriter
from semdim.forward.spec import EngineSpec
from semdim.progress import progress_bar
from semdim.workers.job import Job, Part, Work, in_this_process
from stages import ROOT
from stages.support.run import Run
from stages.support.timed import timed

#: Writers, each with the tokens of all of its shards.
Parts = tuple[tuple[ShardWriter, int], ...]


@dataclass(frozen=True)
class Step:
    """A pass over shards."""

    load: Callable[..., Work]
    """A function of a module; called with the run and ``arguments`` it loads what the pass needs,
    once in each process that takes part."""
    parts: Parts
    """What it writes; shard i of each is computed together."""
    arguments: tuple[Any, ...] = ()
    further: Parts = ()
    """What it writes besides, without work of its own: the stage's rate does not count it."""


def compute(run: Run, desc: str, *steps: Step, is_timed: bool = True) -> None:
    """Compute what is missing, step after step, with one bar over all of them.

    is_timed: the stage's rate is recorded; its arithmetic is counted in `semdim.cost`.

    Raises:
        WorkerError: the workers that the settings name cannot do it.
    """
    jobs = [job for job in (_job(run, step) for step in steps) if job.missing]
    if not jobs:
        return
    spec = run.read(
        "engine", EngineSpec,
        ("workers", "ray_address", "n_workers", "gpus_per_worker", "device", "n_threads"),
    )  # fmt: skip
    if spec.workers == "local":
        _here(run, desc, jobs, steps[-1].parts if is_timed else ())
    else:
        _on_cluster(run, desc, jobs, spec)


def _here(run: Run, desc: str, jobs: list[Job], timed_parts: Parts) -> None:
    first = jobs[0].start()  # not timed, as the rate of a stage is without the loading of its model
    rate = timed(run, *timed_parts) if timed_parts else nullcontext()
    with progress_bar(total=_total(jobs), desc=desc) as bar, rate:
        in_this_process(jobs[0], first, bar)
        for job in jobs[1:]:
            in_this_process(job, job.start(), bar)


def _on_cluster(run: Run, desc: str, jobs: list[Job], spec: EngineSpec) -> None:
    from semdim.workers.checks import expectations
    from semdim.workers.cluster import cluster
    from semdim.workers.on_ray import on_ray

    total = _total(jobs)
    place = jobs[0].parts[0].writer.folder  # whose leftovers the next start removes
    here = expectations(run.paths.root, ROOT, place, run.module)
    with (
        cluster(spec) as (ray, nodes),
        here as expected,
        progress_bar(total=total, desc=desc) as bar,
    ):
        bar.update(total - sum(sum(job.tokens().values()) for job in jobs))
        for job in jobs:
            on_ray(job, bar, spec, ray, nodes, expected)


def _total(jobs: list[Job]) -> int:
    return sum(part.n_tokens for job in jobs for part in job.parts)


def _job(run: Run, step: Step) -> Job:
    of_shard = run.setting("engine.shard_sequences") * run.setting("tokens.context")
    module = step.load.__module__
    return Job(
        module=run.module if module == "__main__" else module,
        function=step.load.__name__,
        arguments=(run, *step.arguments),
        parts=tuple(
            Part(writer, n_tokens, of_shard) for writer, n_tokens in (*step.parts, *step.further)
        ),
        plugins=tuple(run.params.get("plugins") or ()),
    )
