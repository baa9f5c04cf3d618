"""Weights & Biases for the stages that produce numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semdim import tracking
from stages.support.run import Run, say


@contextmanager
def tracked(run: Run, job_type: str) -> Iterator[tracking.Tracked]:
    """Track this run of a stage as ``tracking`` says; the points of a sweep are not tracked."""
    spec = tracking.TrackingSpec()
    if run.point is None:
        spec = run.read("tracking", tracking.TrackingSpec)
    lock, unit = tracking.lock_hashes(Path("dvc.lock")), {"probe": run.unit.probe}
    commit = tracking.git_commit()
    found = tracking.start(
        spec,
        job_type=job_type,
        name=" ".join(filter(None, (job_type, run.unit.probe))),
        config={**run.params, "unit": unit, "git_commit": commit, "dvc_lock": lock},
        say=say,
        lock=lock,
    )
    try:
        yield found
    finally:
        found.finish()
