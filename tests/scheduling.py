"""Which worker runs which tests, in what order, and which of them `make quick` leaves out.

A file is one unit of work, for the fixtures of its module are made once. Tests of the pipeline with
a copy of their own share nothing and are units of their own. The first run of the pipeline starts
first; while one worker makes it, the others have the files that take long; what is short comes last
and fills the gaps, so that both workers are busy to the end.

How long each file takes stands in tests/seconds.json, which `make seconds` writes.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = "tests/pipeline/"
#: Starts the first run, which the rest of the pipeline's tests wait for.
FIRST = PIPELINE + "test_probes.py"
RECORD = ROOT / "tests/seconds.json"
SECONDS: Mapping[str, float] = json.loads(RECORD.read_text(encoding="utf-8"))
#: Files that take longer come early.
LONG = 10.0
#: Files that take longer are left out of `make quick`, whose tests are to take a minute in all.
QUICK = 4.0


def unit(nodeid: str, fixtures: Iterable[str]) -> str:
    """The name of the unit of work that a test belongs to."""
    alone = nodeid.startswith(PIPELINE) and not {"clone", "finished"} & set(fixtures)
    return nodeid if alone else nodeid.partition("::")[0]


def order(nodeid: str) -> tuple[int, float]:
    """Where a test stands: the smaller, the earlier; equal ones keep their order."""
    path = nodeid.partition("::")[0]
    if path == FIRST:
        return (0, 0.0)
    if path.startswith(PIPELINE):
        return (2, 0.0)
    seconds = SECONDS.get(path, 0.0)
    return (1, -seconds) if seconds > LONG else (3, 0.0)


def is_quick(path: Path) -> bool:
    """Whether `make quick` reads a file; one that is new counts as quick."""
    inside = path.is_relative_to(ROOT / "tests") and path.name.startswith("test_")
    return not inside or SECONDS.get(path.relative_to(ROOT).as_posix(), 0.0) <= QUICK


def schedule(items: list[Any], mark: Any) -> None:
    """Sort tests and mark their units for `pytest -n 2 --dist loadgroup`."""
    for item in items:
        item.add_marker(mark(unit(item.nodeid, item.fixturenames)))
    items.sort(key=lambda item: order(item.nodeid))


class Stopwatch:
    """Seconds that each file's tests took, fixtures included; in the process that gets reports."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count in a set-up, a test or its end."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write them down."""
        found = {path: round(seconds, 1) for path, seconds in sorted(self._seconds.items())}
        RECORD.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def missing(root: Path) -> list[str]:
    """Files named here that are not there."""
    return [name for name in (FIRST, *SECONDS) if not (root / name).is_file()]
