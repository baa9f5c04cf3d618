"""The rows of bounds.csv without pandas, for commands that start at once."""

import math
from pathlib import Path
from typing import Any

from semdim.errors import ArtifactError
from semdim.reading import is_there, read_rows, refused
from semdim.results.cells import plain
from semdim.results.schema import TABLES

EXPECTED = "a table of bounds"
ADVICE = "`dvc repro` computes it again"
_COUNTS = ("n_tokens", "n_tokens_asked", "n_units")


def read_bounds(folder: Path) -> list[dict[str, Any]]:
    """The rows of bounds.csv in a results folder; numbers as numbers, empty cells as None.

    Raises:
        ArtifactError: the file is missing, is not a table of bounds, or a cell is not of its
            column's kind; the message names its row.
    """
    path = folder / "bounds.csv"
    if folder.is_file():
        raise ArtifactError(f"{folder} is a file: give the folder that holds it, {folder.parent}.")
    if not is_there(path):
        raise ArtifactError(f"there is no {path}; `dvc repro` computes it.")
    rows = read_rows(path, EXPECTED, advice=ADVICE)
    needed = {"family", "is_certificate", "n_tokens", "total", "failure_prob", "unit"}
    if not rows or not needed <= set(rows[0]):
        lacking = ", ".join(sorted(needed - set(rows[0]))) if rows else "every row"
        raise refused(path, EXPECTED, f"it lacks {lacking}", ADVICE)
    kinds = {column.name: column.kind for column in TABLES["bounds"].columns}
    return [
        {name: _value(text, kinds.get(name), name, path, number) for name, text in row.items()}
        for number, row in enumerate(_whole(rows, needed, path), start=1)
    ]


def _whole(rows: list[dict[str, str]], needed: set[str], path: Path) -> list[dict[str, str]]:
    for number, row in enumerate(rows, start=1):
        if empty := sorted(name for name in needed if not row[name]):
            raise refused(path, EXPECTED, f"row {number} has no {', '.join(empty)}", ADVICE)
    return rows


def _value(text: str, kind: str | None, name: str, path: Path, row: int) -> Any:
    if text == "":
        return None
    if kind == "text":
        return plain(text)
    number = _number(text)
    expected = ""
    if kind == "flag" and text not in ("True", "False"):
        expected = "True or False"
    elif name in _COUNTS and (number is None or not math.isfinite(number)):
        expected = "a whole number"
    elif kind == "number" and (number is None or math.isnan(number)):
        expected = "a number"
    if expected:
        wrong = f"row {row} has {text[:40]!r} as {name}, expected {expected}"
        raise refused(path, EXPECTED, wrong, ADVICE)
    if name in _COUNTS and number is not None:
        return int(number)
    if text in ("True", "False"):
        return text == "True"
    return text if number is None else number


def _number(text: str) -> float | int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    is_whole = math.isfinite(number) and number.is_integer()
    return int(number) if is_whole and "." not in text and "e" not in text.lower() else number
