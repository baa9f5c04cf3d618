"""Shards to be computed, described so that any process can start on them.

Whoever computes loads once (`Job.start`) and is then given places with missing shards: this
process all of them together (`in_this_process`), a worker of a cluster one shard after another.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from semdim.artifacts.protocols import MissingShards
from semdim.artifacts.shards import ShardWriter

#: Computes what is missing in each place, and tells how many tokens are done.
Work = Callable[[Sequence[MissingShards], Callable[[int], object]], object]


@runtime_checkable
class Bar(Protocol):
    """What is shown of the progress: tqdm's bar is one."""

    def update(self, n: float | None = 1) -> object: ...

    def set_postfix_str(self, s: str = "") -> object: ...


@dataclass(frozen=True)
class Part:
    """An artifact that a job writes."""

    writer: ShardWriter
    n_tokens: int
    """Tokens of all of its shards."""
    shard_tokens: int
    """Tokens of a whole shard; the last one may have fewer."""

    def tokens_of(self, index: int) -> int:
        """Tokens of one shard."""
        return max(0, min(self.shard_tokens, self.n_tokens - index * self.shard_tokens))


@dataclass(frozen=True)
class Job:
    """What is to be computed, and where."""

    module: str
    """The module of the function that loads."""
    function: str
    """Its name; called with ``arguments`` it returns the `Work`."""
    arguments: tuple[Any, ...]
    """They can be pickled."""
    parts: tuple[Part, ...]
    """Shard i of each is computed together."""
    plugins: tuple[str, ...] = ()
    """Modules to be imported first."""

    @property
    def missing(self) -> list[int]:
        """Indices of the shards that are missing in any part."""
        return sorted({index for part in self.parts for index in part.writer.missing})

    def tokens(self) -> dict[int, int]:
        """Tokens to be computed for each missing index, times artifacts."""
        found: dict[int, int] = {}
        for part in self.parts:
            for index in part.writer.missing:
                found[index] = found.get(index, 0) + part.tokens_of(index)
        return dict(sorted(found.items()))

    def start(self) -> Work:
        """Load what the work needs.

        Raises:
            SemdimError: it is missing, or does not fit.
        """
        function = getattr(importlib.import_module(self.module), self.function)
        work: Work = function(*self.arguments)
        return work


def in_this_process(job: Job, work: Work, bar: Bar) -> None:
    """Compute the missing shards here, with what `Job.start` loaded."""
    work([part.writer for part in job.parts], bar.update)
