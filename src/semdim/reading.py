"""The boundary between what people give and the libraries that read it.

Whatever a library raises while it reads a file leaves here as one `SemdimError`: the file, what was
expected, the library's own message in full, what to do. Every reader of semdim goes through
`reading`, or through one of the functions below, which read small files whole.

Only regular files are read, up to a stated size: a device never ends, a pipe may never begin.
"""

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from semdim.errors import ArtifactError, SemdimError
from semdim.quoting import one_line, why

JSON_BYTES = 256 << 20
"""Largest JSON file that is read; the index of a checkpoint and a verdict are far below it."""
YAML_BYTES = 1 << 18
"""Largest YAML file: parsing one takes a thousand times as long as parsing JSON."""
YAML_DEPTH = 100
"""Brackets open at once in a YAML file: its parser takes time with the square of their number."""
YAML_VALUES = 1_000_000
"""Values of a YAML file with its aliases written out."""

Value = TypeVar("Value")
RERUN = "`dvc repro` writes it again"


@contextmanager
def reading(
    path: Path | str,
    expected: str,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> Iterator[None]:
    """Run a block that reads ``path`` through a library; its failures become one error.

    A device or a pipe is refused before the block runs: libraries wait for it, or read for ever.
    Keep the block to the calls that read: what it raises is taken for a fault of the file.

    Args:
        path: what is read, as the message names it.
        expected: what should be there, with its article: "a JSON object".
        advice: what to do, as a clause.
        kind: the error that is raised.

    Raises:
        SemdimError: of ``kind``, for any exception that is not a SemdimError already.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise refused(path, expected, "it is not a regular file", advice, kind)
    try:
        yield
    except SemdimError:
        raise
    except Exception as error:
        raise refused(path, expected, error, advice, kind) from error


def refused(
    path: Path | str,
    expected: str,
    error: Exception | str,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> SemdimError:
    """The error of `reading`, to be raised: ``error`` is an exception, or what is wrong."""
    reason = error if isinstance(error, str) else why(error, str(path))
    return kind(f"{one_line(str(path))} cannot be read as {expected}: {reason}; {advice}.")


def is_there(path: Path | str) -> bool:
    """Whether there is anything of this name: also a link that leads nowhere, which a reader then
    refuses, where ``exists`` would pass over it."""
    return os.path.lexists(path)


def read_bytes(
    path: Path | str,
    expected: str,
    *,
    limit: int,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> bytes:
    """All bytes of a regular file of at most ``limit`` bytes.

    Raises:
        SemdimError: of ``kind``: the file is missing, no regular file, too large or unreadable.
    """
    with reading(path, expected, advice, kind):
        # A pipe without a writer would block for ever.
        with open(path, "rb", opener=_without_waiting) as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise refused(path, expected, "it is not a regular file", advice, kind)
            # Files of /proc say that they are empty: what is read is counted, too.
            content = stream.read(limit + 1) if found.st_size <= limit else b""
        if found.st_size > limit or len(content) > limit:
            large = f"it is larger than the {limit >> 10:,} KiB that are read"
            raise refused(path, expected, large, advice, kind)
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(
    path: Path | str,
    expected: str,
    *,
    limit: int,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> str:
    """A small file as UTF-8 text, a byte order mark left out. Raises as `read_bytes`."""
    raw = read_bytes(path, expected, limit=limit, advice=advice, kind=kind)
    with reading(path, expected, advice, kind):
        return raw.decode("utf-8-sig")


def read_json(
    path: Path | str,
    expected: str = "a JSON object",
    *,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
    finite: bool = True,
) -> dict[str, Any]:
    """A small file that holds one JSON object.

    finite: refuse NaN and infinity; False where every value is checked by its key afterwards.

    Raises:
        SemdimError: as `read_bytes`; or the file is not JSON, holds NaN, an infinite number or one
            of more than 4,300 digits, is nested too deeply, or is not an object.
    """
    text = read_text(path, expected, limit=JSON_BYTES, advice=advice, kind=kind)
    return parsed_json(text, path, expected, advice=advice, kind=kind, finite=finite)


def parsed_json(
    text: str | bytes,
    where: Path | str,
    expected: str = "a JSON object",
    *,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
    finite: bool = True,
) -> dict[str, Any]:
    """`read_json` of text that was read already; ``where`` names its source."""
    with reading(where, expected, advice, kind):
        checks: Any = {"parse_constant": _no_number, "parse_float": _finite} if finite else {}
        content = json.loads(text, **checks)
    return _mapping(content, where, expected, advice, kind)


def read_yaml(
    path: Path | str,
    expected: str = "a mapping of settings in YAML",
    *,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> dict[str, Any]:
    """A small file that holds one YAML mapping with strings as its keys; nothing in it is run.

    Raises:
        SemdimError: as `read_bytes`; or the file is not plain YAML, or not such a mapping, or its
            aliases stand for more than `YAML_VALUES` values.
    """
    import yaml

    text = read_text(path, expected, limit=YAML_BYTES, advice=advice, kind=kind)
    with reading(path, expected, advice, kind):
        if _depth(text) > YAML_DEPTH:
            raise RecursionError
        content = yaml.safe_load(text)
        if _size(content, {}) > YAML_VALUES:
            raise ValueError(f"its aliases expand to more than {YAML_VALUES:,} values")
    return _mapping(content, path, expected, advice, kind)


def read_rows(
    path: Path,
    expected: str = "a table in CSV",
    *,
    advice: str = RERUN,
    kind: type[SemdimError] = ArtifactError,
) -> list[dict[str, str]]:
    """The rows of a small CSV file by the names of its columns, as text.

    Raises:
        SemdimError: as `read_bytes`; or the file is not CSV, or a row is not as long as the header.
    """
    import csv
    import io

    text = read_text(path, expected, limit=JSON_BYTES, advice=advice, kind=kind)
    with reading(path, expected, advice, kind):
        rows: list[dict[Any, Any]] = list(csv.DictReader(io.StringIO(text, newline="")))
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            reason = f"row {number} has {'more' if None in row else 'fewer'} cells than the header"
            raise refused(path, expected, reason, advice, kind)
    return rows


def taken(
    content: Mapping[str, Any],
    key: str,
    of: Callable[[Any], Value],
    where: Path | str,
    advice: str = RERUN,
) -> Value:
    """The value of a key of a file, by one of the functions below, whose docstrings name the kind.

    Raises:
        ArtifactError: it is missing or of another kind; the message names file, key and value.
    """
    expected = (of.__doc__ or "").rstrip(".")
    if key not in content:
        raise ArtifactError(f"{where} has no {key!r}, expected {expected}; {advice}.")
    try:
        return of(content[key])
    except (TypeError, ValueError, OverflowError):
        shown = one_line(repr(content[key]), 40)
        raise ArtifactError(
            f"{where} has {key} = {shown}, expected {expected}; {advice}."
        ) from None


def number(value: Any) -> float:
    """a finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def number_or_null(value: Any) -> float | None:
    """a finite number or null."""
    return None if value is None else number(value)


def whole(value: Any) -> int:
    """a whole number."""
    if type(value) is not int:
        raise ValueError(value)
    return value


def text(value: Any) -> str:
    """a string."""
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def mapping(value: Any) -> dict[str, Any]:
    """an object."""
    if not isinstance(value, dict):
        raise ValueError(value)
    return value


def mappings(value: Any) -> dict[str, dict[str, Any]]:
    """an object of objects."""
    return {name: mapping(entry) for name, entry in mapping(value).items()}


def entries(value: Any) -> list[dict[str, Any]]:
    """a list of objects."""
    if not isinstance(value, list):
        raise ValueError(value)
    return [mapping(entry) for entry in value]


def _mapping(
    content: object, where: Path | str, expected: str, advice: str, kind: type[SemdimError]
) -> dict[str, Any]:
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else one_line(repr(content), 40)
        raise refused(where, expected, f"it holds {found}", advice, kind)
    for key in content:
        if not isinstance(key, str):
            reason = f"its key {one_line(repr(key), 40)} is not a string"
            raise refused(where, expected, reason, advice, kind)
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{one_line(text, 40)} is too large for a number")
    return number


def _depth(text: str) -> int:
    """Most brackets that are open at once, those in quotes among them."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth = max(0, depth - 1)
    return deepest


def _size(content: object, known: dict[int, int]) -> int:
    """Values in what YAML gave, each alias counted with all that it stands for."""
    if not isinstance(content, dict | list | set | tuple):
        return 1
    if id(content) in known:
        if known[id(content)] == 0:
            raise ValueError("an alias contains itself")
        return known[id(content)]
    known[id(content)] = 0
    inside = content.values() if isinstance(content, dict) else content
    known[id(content)] = 1 + sum(_size(item, known) for item in inside)
    return known[id(content)]
