"""Stages in forks of a process that has imported everything: a run costs its own work alone."""

import ctypes
import gc
import importlib
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.support.declared import Declared

LIMIT = 300.0
HEAVY = (
    "torch", "transformers", "transformers.models.llama.modeling_llama", "transformer_lens",
    "sae_lens", "pandas", "pyarrow.parquet", "sklearn.metrics", "sklearn.neighbors",
    "matplotlib.pyplot", "scipy.stats", "hydra", "datasets", "gensim",
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a run of a stage ended."""

    status: int
    """Exit status; of a process that a signal ended its negative number."""
    said: str
    """Standard output and error."""
    seconds: float


def warm_up(stages: list[Declared]) -> None:
    """Import what stages import; no thread may run afterwards, because forks have none."""
    for name in (*HEAVY, *{stage.module for stage in stages}):
        importlib.import_module(name)
    gc.freeze()  # as a stage does once it has imported all


def run(stage: Declared, folder: Path, before: Callable[[], None] = lambda: None) -> Ended:
    """Run a stage in a fork.

    Args:
        stage: which.
        folder: where.
        before: called in the fork first, for instance to arm a fault.
    """
    start = time.monotonic()
    reader, writer = os.pipe()  # a file would be under the limit of `small_disk`
    child = os.fork()
    if child == 0:
        _work(stage, folder, before, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        if not select.select([reader], [], [], LIMIT)[0]:
            os.kill(child, signal.SIGKILL)
        text = said.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, text, time.monotonic() - start)


def _work(stage: Declared, folder: Path, before: Callable[[], None], said: int) -> None:
    """In the fork: what `python -m stages.X` does. Never returns."""
    status = 1
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        os.chdir(folder)
        os.environ["DVC_EXP_NAME"] = "faults"  # params.yaml is that of an experiment
        sys.argv = [stage.module, *stage.overrides]
        before()
        importlib.import_module(stage.module).main()  # type: ignore[attr-defined]
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


class Killer:
    """Ends its process at the n-th change of a file below a folder, as SIGKILL does.

    A change is a file opened for writing, a rename, a removal, a new folder, an exchange, and a
    flush to the disk; at a flush half of the file is taken away first: what a kill leaves that
    comes in the middle of writing it.
    """

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at, self.seen = str(folder), at, 0

    def __call__(self) -> None:
        from semdim.artifacts import swap

        flush, exchange = os.fsync, swap.exchange

        def torn(descriptor: Any) -> None:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            if self.seen + 1 == self.at:
                os.ftruncate(number, os.fstat(number).st_size // 2)
            self.step()
            flush(number)

        def counted(one: Path, other: Path) -> bool:
            self.step()
            return exchange(one, other)

        os.fsync, swap.exchange = torn, counted
        sys.addaudithook(self.hear)

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = given
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR) and self.inside(path):
                self.step()
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") and (
            given[-1] != -1 or self.inside(given[0])
        ):
            self.step()

    def inside(self, path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.folder + os.sep)

    def step(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def small_disk(n_bytes: int) -> Callable[[], None]:
    """No file grows beyond this size: the write fails as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def without_privileges() -> None:
    """Give up what lets root write where permissions forbid it (capset, all sets empty)."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
