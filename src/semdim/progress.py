"""Progress bars with throughput and time left: quiet where there is no terminal, because a bar
written to a log file is thousands of lines of noise."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def _options(unit: str, desc: str) -> dict[str, object]:
    return {
        "unit": f" {unit}",
        "unit_scale": True,
        "desc": desc,
        "disable": not sys.stderr.isatty(),
        "dynamic_ncols": True,
        "smoothing": 0.1,
    }


def progress(
    iterable: Iterable[Item], *, total: int | None = None, unit: str = "it", desc: str = ""
) -> Iterator[Item]:
    """Iterate with a bar that counts items (``total`` of them)."""
    yield from tqdm(iterable, total=total, **_options(unit, desc))  # type: ignore[call-overload]


@contextmanager
def progress_bar(*, total: int, unit: str = "tokens", desc: str = "") -> Iterator["tqdm[None]"]:
    """A bar to be moved by hand, ``bar.update(n)``, when one step handles many units."""
    bar: tqdm[None] = tqdm(total=total, **_options(unit, desc))  # type: ignore[call-overload]
    with bar:
        yield bar
