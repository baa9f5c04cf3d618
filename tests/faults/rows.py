"""The table of a campaign: what was done, how often, and how often nothing came of it."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

#: What was done, and what was wrong afterwards, in a sentence; None: nothing.
Outcome = tuple[str, str | None]


@dataclass
class Row:
    """A line of the table in docs/reliability.md."""

    what: str
    """What was done."""
    tried: int = 0
    survived: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    """What did not survive, in a sentence each."""

    def count(self, failure: str | None) -> None:
        self.tried += 1
        self.survived += failure is None
        if failure is not None:
            self.failures.append(failure)


@dataclass
class Rows:
    """The rows by what was done, in the order in which it was done first."""

    by_what: dict[str, Row] = field(default_factory=dict)

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Count trials as they end; each is given the seconds since the one before."""
        start = time.monotonic()
        for what, failure in outcomes:
            row = self.by_what.setdefault(what, Row(what))
            row.count(failure)
            print(f"{what}: {failure or 'survived'}", file=sys.stderr, flush=True)
            row.seconds += time.monotonic() - start
            start = time.monotonic()
