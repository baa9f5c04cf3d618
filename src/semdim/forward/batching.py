"""Batches that fit the memory: one that does not is halved, with a message, and the work continues.

No result depends on the size of a batch beyond rounding, so a smaller one costs speed alone.
"""

import sys
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TypeVar

import torch

from semdim.errors import MemoryLimitError
from semdim.forward.parallel import side_by_side
from semdim.tokens.sample import batches

Result = TypeVar("Result")

# What the allocators say: of a CPU (C10, then oneDNN), of Apple's GPU, and cuBLAS of its workspace.
_SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "could not create a memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def to_stderr(message: str) -> None:
    """One line for the person who watches."""
    print(message, file=sys.stderr, flush=True)


class Batches:
    """The batches of one computation, at most ``size`` units each.

    A size that did not fit is remembered, so that the next shard does not try it again.

    Args:
        size: units in a batch, 1 or more.
        device: where the work is done.
        unit: what is counted, for the message.
        say: takes one line when a batch was halved.
    """

    def __init__(
        self,
        size: int,
        device: str,
        *,
        unit: str = "sequences",
        say: Callable[[str], object] = to_stderr,
    ) -> None:
        self.size = size
        self.device = device
        self.unit = unit
        self.say = say
        self._lock = Lock()

    def run(self, work: Callable[[slice], Result], n: int) -> Iterator[Result]:
        """``work`` of slices that cover 0 to ``n``, in order; on a CPU side by side.

        Raises:
            MemoryLimitError: a single unit does not fit.
        """

        def fitted(batch: slice) -> list[Result]:
            return self._fitted(work, batch)

        for results in side_by_side(fitted, list(batches(n, self.size)), self.device):
            yield from results

    def _fitted(self, work: Callable[[slice], Result], batch: slice) -> list[Result]:
        """The results of one batch, in as many parts as the memory asks for."""
        results: list[Result] = []
        at = batch.start
        while at < batch.stop:
            part = slice(at, min(at + self.size, batch.stop))
            try:
                results.append(work(part))
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                at = part.stop
                continue
            # Here the error and all that its frames held is gone.
            self._shrink(part.stop - part.start)
        return results

    def _shrink(self, tried: int) -> None:
        if torch.device(self.device).type == "cuda":
            torch.cuda.empty_cache()
        with self._lock:
            if tried == 1:
                raise MemoryLimitError(
                    f"Not even a batch of one ({self.unit}) fits in the memory of the device "
                    f"{self.device!r}: choose engine.compute_dtype=bfloat16, a smaller "
                    "tokens.context, or a device with more memory."
                )
            if tried // 2 < self.size:  # another thread may have been here
                self.size = tried // 2
                self.say(
                    f"a batch of {tried} {self.unit} does not fit in the memory of the device "
                    f"{self.device!r}; continuing with {self.size}"
                )
