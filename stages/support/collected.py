"""The points of a sweep as one table: in a CSV, on the console, and where runs are tracked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.artifacts.shards import write_atomically
from semdim.flat import flattened, in_words
from semdim.reading import is_there, mapping, read_json, taken
from semdim.results.cells import csv_text
from stages.support.run import ROW

REFUSED = "refused.txt"
#: Results that the console shows, where they are there: the CSV has all of them.
SHOWN = ("as_published_total", "srm_topk_total", "holdout_betting_total", "faithfulness_sae_total")


@dataclass(frozen=True)
class Collected:
    """What became of the points of a sweep."""

    rows: list[dict[str, Any]]
    """Of each computed point, in the order of the sweep: its number, what is swept, its results."""
    swept: tuple[str, ...]
    """Settings in which the points differ, by dotted name, those of the command line first."""
    settings: dict[str, Any]
    """All other settings, which the points share, nested."""
    refused: tuple[str, ...]
    """Why the other points were not computed."""


def collect(folder: Path, swept: Sequence[str] = ()) -> Collected:
    """Read the points below ``folder``.

    Args:
        folder: holds one folder for each point, called by its number.
        swept: settings of the command line, by dotted name; they come first also where all points
            have one value.
    """
    points = sorted((path for path in folder.glob("*") if path.name.isdigit()), key=_number)
    found: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
    refused = []
    for point in points:
        if (point / REFUSED).exists():
            refused.append((point / REFUSED).read_text(encoding="utf-8").strip())
        if is_there(point / ROW):
            row = read_json(point / ROW)
            results, config = (
                taken(row, key, mapping, point / ROW) for key in ("results", "config")
            )
            found.append((_number(point), dict(results), dict(config)))
    flat = [flattened(config) for _, _, config in found]
    names = dict.fromkeys(name for config in flat for name in config)
    different = [name for name in names if len({repr(config.get(name)) for config in flat}) > 1]
    first = [name for name in swept if name in names]
    columns = tuple(dict.fromkeys([*first, *different]))
    rows = [
        {"point": number, **{name: config.get(name) for name in columns}, **results}
        for (number, results, _), config in zip(found, flat, strict=True)
    ]
    shared = _without(found[0][2], [*columns, "axes"]) if found else {}  # axes follow from the rest
    return Collected(rows, columns, shared, tuple(dict.fromkeys(refused)))


def write(collected: Collected, out: Path) -> Path:
    """Write the table, and what the points share beside it; returns the path of the latter."""
    import pandas as pd
    import yaml

    write_atomically(out, csv_text(pd.DataFrame(collected.rows), "%.8g"))
    side = out.with_suffix(".settings.yaml")
    write_atomically(side, yaml.safe_dump(collected.settings, sort_keys=False, allow_unicode=True))
    return side


def show(collected: Collected) -> None:
    """A table of what is swept and of the main results, on the console."""
    from rich.table import Table

    from semdim.commands.screen import Screen

    numbers = [name for name, value in collected.rows[0].items() if isinstance(value, int | float)]
    results = [name for name in numbers if name != "point" and name not in collected.swept]
    shown = [name for name in SHOWN if name in results] or results[: len(SHOWN)]
    rows = collected.rows
    swept = [name for name in collected.swept if len({repr(row[name]) for row in rows}) > 1]
    columns = ["point", *swept, *shown]
    table = Table()
    for name in columns:  # headings break between words
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(in_words(row.get(name)) for name in columns))
    Screen().print(table)


def track(collected: Collected, out: Path) -> None:
    """The table as one tracked run, where tracking is on: a run for each point would take seconds
    to start and to end, and the point itself takes less."""
    import pandas as pd

    from semdim import tracking

    settings = {"mode": "disabled", **(collected.settings.get("tracking") or {})}
    log = tracking.start(
        tracking.TrackingSpec(**settings),
        job_type="sweep",
        name=f"sweep {' '.join(collected.swept)}".strip(),
        config={**collected.settings, "git_commit": tracking.git_commit(), "points": str(out)},
        say=lambda message: print(message, flush=True),
    )
    try:
        log.table("points", pd.DataFrame(collected.rows))
        log.numbers({"n_points": len(collected.rows)})
    finally:
        log.finish()


def _number(point: Path) -> int:
    return int(point.name)


def _without(settings: dict[str, Any], names: Sequence[str], place: str = "") -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{place}{key}"
        if name in names:
            continue
        kept[key] = _without(value, names, f"{name}.") if isinstance(value, dict) else value
    return kept
