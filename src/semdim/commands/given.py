"""`semdim bound --losses` and `--paired`: certificates for numbers of the user's own, from CSV."""

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from rich.table import Table

from semdim.commands.screen import Screen
from semdim.errors import ConfigError, DataError
from semdim.quoting import one_line
from semdim.reading import read_rows

ADVICE = "give a CSV file with a header and one value per row"


@dataclass(frozen=True)
class Asked:
    """What the options ask for."""

    ceiling: float | None
    """The largest value that there can be; required."""
    floor: float
    """The smallest."""
    column: str | None
    """Column of the values; None: the only one that is not the unit's."""
    unit: str | None
    """Column of what is independent; None: each row."""
    method: str
    """One of `semdim.bounds.given_values.GIVEN_METHODS`."""
    failure_prob: float
    """δ."""
    as_json: bool
    """JSON instead of a table."""


@dataclass(frozen=True)
class Column:
    """One column of a file."""

    path: Path
    """The file."""
    name: str
    """The column."""
    values: list[float]
    """Its values, a row each."""
    units: list[str] | None
    """The unit of each row."""


def losses(path: Path, asked: Asked) -> None:
    """Print an upper bound of the mean of one column.

    Raises:
        ArtifactError: the file cannot be read as CSV.
        ConfigError: there is no such column, no ceiling, or a bad δ or method.
        DataError: a cell that is no number, or values outside the range.
    """
    from semdim.bounds.given_values import mean_bound

    ceiling = _ceiling(asked)
    given = read_column(path, asked.column, asked.unit)
    found = mean_bound(
        given.values,
        ceiling=ceiling,
        floor=asked.floor,
        failure_prob=asked.failure_prob,
        method=asked.method,
        units=given.units,
    )
    _print(asdict(found), f"mean of {given.name} in {path}", asked)


def paired(first: Path, second: Path, asked: Asked) -> None:
    """Print an interval of the mean of second − first, unit by unit.

    Raises:
        ArtifactError, ConfigError, DataError: as `losses`; or the units of the files differ.
    """
    from semdim.bounds.given_values import paired_difference

    ceiling = _ceiling(asked)
    one = read_column(first, asked.column, asked.unit)
    two = read_column(second, one.name, asked.unit)
    found = paired_difference(
        one.values,
        _in_order_of(one, two),
        ceiling=ceiling,
        floor=asked.floor,
        failure_prob=asked.failure_prob,
        method=asked.method,
        units=one.units,
    )
    _print(asdict(found), f"mean of {one.name}: {second} − {first}", asked)


def read_column(path: Path, column: str | None, unit: str | None) -> Column:
    """One column of a CSV file as numbers, and the unit of each row. Raises as `losses`."""
    rows = read_rows(path, advice=ADVICE, kind=DataError)
    if not rows:
        raise DataError(f"{path} has no rows; {ADVICE}.")
    names = list(rows[0])
    for name in (column, unit):
        if name is not None and name not in names:
            raise ConfigError(f"{path} has no column '{name}'; it has {', '.join(names)}.")
    others = [name for name in names if name != unit]
    if column is None and len(others) != 1:
        raise ConfigError(
            f"{path} has {len(others)} columns: name one by --column ({', '.join(others)})."
        )
    name = column or others[0]
    values = [_number(row[name], path, index, name) for index, row in enumerate(rows, start=1)]
    return Column(path, name, values, [row[unit] for row in rows] if unit else None)


def _number(cell: str, path: Path, row: int, column: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        shown = one_line(repr(cell), 40)
        raise DataError(f"{path} has {column} = {shown} in row {row}, expected a finite number.")
    return value


def _in_order_of(one: Column, two: Column) -> list[float]:
    """The values of the second file in the order of the first: by unit, then as they stand."""
    if one.units is None or two.units is None:
        if len(one.values) != len(two.values):
            raise DataError(
                f"{one.path} has {len(one.values)} rows and {two.path} has {len(two.values)}: a "
                "paired difference needs the same rows in both, or --unit and the same rows in "
                "each unit."
            )
        return two.values
    left, right = Counter(one.units), Counter(two.units)
    for unit in {**left, **right}:
        if left[unit] != right[unit]:
            raise DataError(
                f"{one.path} has {left[unit]} rows of {one_line(unit, 40)!r} and {two.path} has "
                f"{right[unit]}: a paired difference needs as many in both."
            )
    waiting: dict[str, list[float]] = {}
    for unit, value in zip(two.units, two.values, strict=True):
        waiting.setdefault(unit, []).append(value)
    taken = {unit: iter(values) for unit, values in waiting.items()}
    return [next(taken[unit]) for unit in one.units]


def _ceiling(asked: Asked) -> float:
    if asked.ceiling is None:
        raise ConfigError(
            "--losses and --paired need --ceiling, the largest possible value (log2(V/α) for "
            "smoothed losses, 1 for an accuracy), not the largest value seen."
        )
    return asked.ceiling


def _print(found: dict[str, object], what: str, asked: Asked) -> None:
    content = {"quantity": what, "unit": asked.unit or "row"} | found
    if asked.as_json:
        print(json.dumps(content, indent=2))
        return
    screen = Screen()
    screen.print(f"{what}: certificate (units independent)", style="bold", soft_wrap=True)
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    n = f"{found['n_units']:,}"
    for name, words in (
        ("mean", f"over {n} units ({asked.unit or 'row'}), {found['n_values']:,} values"),
        ("lower", "the true mean is not below"),
        ("upper", "the true mean is not above"),
    ):
        if found[name] is not None:
            table.add_row(name, f"{found[name]:.6f}", words)
    table.add_row("δ", f"{found['failure_prob']:g}", str(found["theorem"]))
    table.add_row("range", f"{found['range_low']:g} … {found['range_high']:g}", "of a unit")
    screen.print(table)
    assumptions = cast(tuple[str, ...], found["assumptions"])
    screen.print("Assumes: " + "; ".join(assumptions) + ".", style="dim", soft_wrap=True)
    if asked.unit is None:
        hint = (
            "Each row is treated as independent. If rows share a document, name its column with "
            "--unit."
        )
        screen.print(hint, style="dim", soft_wrap=True)
