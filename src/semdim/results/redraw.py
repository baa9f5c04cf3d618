"""Redraw the figures of stored results, from their tables alone.

    python -m semdim.results.redraw docs/two_models docs/leaderboard

A folder holds the results of a run (``probes/``), a ranking (``rank.json``) or a study of answers
(``curves.csv``). Those figures and tables are written that it holds already, and ``report.html``
where that is one of them; ``--all`` writes every one that the results allow. What cannot be drawn,
because a file that it needs was not kept, is left as it is and named. The page then keeps its
figures of before, too, and is left.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from semdim.errors import ArtifactError, SemdimError
from semdim.plots.catalogue import figures
from semdim.plots.draw import draw_all, left_out_of
from semdim.report.build import write_report

COMMAND = "python -m semdim.results.redraw"
FIGURES, TABLES, PAGE = "figures", "tables", "report.html"
PICTURES = (".png", ".svg")


@dataclass
class Redrawn:
    """What became of a folder."""

    written: list[Path] = field(default_factory=list)
    left: dict[Path, str] = field(default_factory=dict)
    """Files that stay as they were, and why."""


def redraw(folder: Path, *, every: bool = False) -> Redrawn:
    """Write a folder's figures, tables and page again.

    Args:
        folder: of the results.
        every: write what the folder does not hold yet, too.

    Raises:
        ArtifactError: the folder holds none of the three, or damaged results.
    """
    for name, kind in _KINDS.items():
        if (folder / name).exists():
            return kind(folder, every)
    raise ArtifactError(
        f"{folder} holds none of {', '.join(_KINDS)}: name the results folder of a run, a ranking "
        "or a study of answers. `python -m bench --document` and `python -m bench.scale "
        "--document docs/scale` redraw measurements of speed."
    )


def _run(folder: Path, every: bool) -> Redrawn:
    done = Redrawn()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shutil.copytree(folder / "probes", scratch / "probes")
        draw_all(scratch / "probes", scratch)
        reasons = left_out_of(scratch / FIGURES)
        for source, place in (
            (scratch / FIGURES, folder / FIGURES),
            (scratch / FIGURES, folder),  # where a page has but one figure
            (scratch / TABLES, folder / TABLES),
        ):
            wanted = {path.name for path in place.glob("*.*") if _is_ours(path, place == folder)}
            if every and place != folder:
                wanted |= {path.name for path in source.glob("*.*")}
            for file in sorted(wanted):
                _put(source / file, place / file, done, reasons)
        if every or (folder / PAGE).exists():
            _page(folder, scratch, done)
    return done


def _is_ours(path: Path, is_root: bool) -> bool:
    return path.suffix in PICTURES if is_root else path.suffix in (*PICTURES, ".csv", ".md")


def _put(source: Path, place: Path, done: Redrawn, reasons: dict[str, str]) -> None:
    if not source.exists():
        how = {spec.name: spec.how for spec in figures()}.get(place.stem)
        missing = f"it needs what is not stored: {how}" if how else "nothing draws it"
        done.left[place] = reasons.get(place.stem, missing)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    done.written.append(place)


def _page(folder: Path, scratch: Path, done: Redrawn) -> None:
    lost = sorted(path.name for path in done.left if path.suffix in PICTURES)
    if lost and (folder / PAGE).exists():
        done.left[folder / PAGE] = f"it shows {', '.join(lost)}, which cannot be drawn again"
        return
    kept = folder / TABLES
    for table in (scratch / TABLES).glob("*.*"):
        if not (kept / table.name).exists():  # the page links what is beside it
            table.unlink()
    shutil.copyfile(write_report(scratch / "probes", scratch / PAGE), folder / PAGE)
    done.written.append(folder / PAGE)


def _ranking(folder: Path, every: bool) -> Redrawn:
    from semdim.rank.figures import draw
    from semdim.rank.write import FIGURES as DRAWN
    from semdim.rank.write import read_ranking

    draw(read_ranking(folder), folder)
    return Redrawn([folder / name for name in DRAWN])


def _answers(folder: Path, every: bool) -> Redrawn:
    from semdim.answers.figure import draw
    from semdim.plots.style import save

    return Redrawn(save(draw(folder), folder, "answers"))


_KINDS: dict[str, Callable[[Path, bool], Redrawn]] = {
    "probes": _run,
    "rank.json": _ranking,
    "curves.csv": _answers,
}
"""How a folder is redrawn, by what it holds."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m semdim.results.redraw", description="redraw the figures of stored results"
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--all", action="store_true", help="write what is not there yet, too")
    given = parser.parse_args()
    for folder in given.folders:
        try:
            done = redraw(folder, every=given.all)
        except SemdimError as error:
            raise SystemExit(str(error)) from None
        for path in done.written:
            print(path)
        for path, reason in done.left.items():
            print(f"left {path}: {reason}")


if __name__ == "__main__":
    main()
