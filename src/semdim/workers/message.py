"""What a worker is told of a job, and what it answers for each shard."""

import os
import pickle
import socket
import traceback
from dataclasses import dataclass, replace
from typing import Any

from semdim.artifacts.one_shard import Unfinished
from semdim.errors import SemdimError
from semdim.workers.checks import Expected, fault_here
from semdim.workers.job import Job, Work

START, SHARD = "start", "shard"


@dataclass(frozen=True)
class Message:
    """A `semdim.workers.job.Job` on its way to a worker."""

    expected: Expected
    job: bytes
    """Without its parts, and pickled apart, for it may need modules of the shared folder."""
    places: tuple[Unfinished, ...]
    plugins: tuple[str, ...]

    @classmethod
    def of(cls, job: Job, expected: Expected) -> "Message":
        """The message that starts a worker on ``job``."""
        places = tuple(Unfinished.of(part.writer) for part in job.parts)
        return cls(expected, pickle.dumps(replace(job, parts=())), places, job.plugins)


@dataclass(frozen=True)
class Answer:
    """What became of one shard."""

    index: int
    records: tuple[dict[str, Any] | None, ...] = ()
    """Of each part, the shard's record (`semdim.artifacts.shards.write_shard`)."""
    failed_in: str | None = None
    """`START`: the worker could not load; `SHARD`: this shard failed; None: all is well."""
    error: str = ""
    """The message of a `SemdimError`; of a defect, its kind and message."""
    is_ours: bool = False
    """It was a `SemdimError`, whose message is for users as it is."""
    trace: str = ""
    host: str = ""
    pid: int = 0


class Worker:
    """One process that computes shards: it loads once, at its first shard.

    Ray makes an actor of it. What goes wrong is an answer, not an exception, so that Ray retries
    what befell the process and not what the work itself raised.
    """

    def __init__(self, message: Message) -> None:
        self._message = message
        self._work: Work | None = None

    def answer(self, index: int) -> Answer:
        """Compute a shard, unless it is there already."""
        where = START
        try:
            if self._work is None:
                self._work = self._start()
            where = SHARD
            shards = [place.only(index) for place in self._message.places]
            if any(shard.missing for shard in shards):
                self._work(shards, lambda n_tokens: None)
            records = tuple(shard.record for shard in shards)
        except Exception as error:
            ours = isinstance(error, SemdimError)
            text = str(error) if ours else f"{type(error).__name__}: {error}"
            trace = "" if ours else traceback.format_exc()
            return Answer(index, (), where, text, ours, trace, socket.gethostname(), os.getpid())
        return Answer(index, records, host=socket.gethostname(), pid=os.getpid())

    def _start(self) -> Work:
        fault = fault_here(self._message.expected)
        if fault is not None:
            raise SemdimError(fault)
        from semdim.registry import load_plugins

        load_plugins(self._message.plugins)
        job: Job = pickle.loads(self._message.job)
        return job.start()
