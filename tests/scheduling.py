"""Which worker runs which tests, and in what order, so that both are busy to the end.

A file is one unit of work, for the fixtures of its module are made once. Tests of the pipeline with
a copy of their own share nothing and are units of their own. The first run of the pipeline starts
first; while one worker makes it, the others have the files whose tests are long; what is short
comes last and fills the gaps.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

PIPELINE = "tests/pipeline/"
#: Starts the first run, which the rest of the pipeline's tests wait for.
FIRST = PIPELINE + "test_probes.py"
#: Files with more than ten seconds of work, by measurement (`pytest --durations=0`), longest first.
LONG = (
    "tests/unit/test_bounds_coverage.py", "tests/unit/test_dependencies.py",
    "tests/unit/test_monitor.py", "tests/unit/test_plots_registry.py",
    "tests/unit/test_configuration.py", "tests/unit/test_models_export.py",
    "tests/unit/test_compare.py",
)  # fmt: skip


def unit(nodeid: str, fixtures: Iterable[str]) -> str:
    """The name of the unit of work that a test belongs to."""
    alone = nodeid.startswith(PIPELINE) and not {"clone", "finished"} & set(fixtures)
    return nodeid if alone else nodeid.partition("::")[0]


def order(nodeid: str) -> int:
    """Where a test stands: the smaller, the earlier; equal ones keep their order."""
    path = nodeid.partition("::")[0]
    if path == FIRST:
        return 0
    if path in LONG:
        return 1 + LONG.index(path)
    return 100 if path.startswith(PIPELINE) else 200


def schedule(items: list[Any], mark: Any) -> None:
    """Sort tests and mark their units for `pytest -n 2 --dist loadgroup`."""
    for item in items:
        item.add_marker(mark(unit(item.nodeid, item.fixturenames)))
    items.sort(key=lambda item: order(item.nodeid))


def missing(root: Path) -> list[str]:
    """Files named here that are not there."""
    return [name for name in (FIRST, *LONG) if not (root / name).is_file()]
