"""The files of a ranking."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError
from semdim.rank.measured import Measured
from semdim.rank.run import SAES
from semdim.rank.table import Entry, Pair, RankTable
from semdim.reading import read_json, read_rows, reading
from semdim.results.cells import plain, safe

TABLE, JSON, PAIRS, DOCUMENTS = "rank.csv", "rank.json", "pairs.csv", "documents.csv"
FIGURES = ("faithfulness.png", "order.png")
FILES = (TABLE, JSON, PAIRS, DOCUMENTS, *FIGURES)


def check_place(out: Path) -> None:
    """Refuse a folder that holds something else than a ranking.

    Raises:
        ArtifactError: it does, or it is a file.
    """
    ours = {SAES, *FILES}
    if out.exists() and (not out.is_dir() or any(path.name not in ours for path in out.iterdir())):
        raise ArtifactError(
            f"{out} already exists and holds more than a ranking: name another folder with --out."
        )


def write_ranking(table: RankTable, measured: Sequence[Measured], out: Path) -> None:
    """Write the tables, the values of each document and the figures."""
    write_atomically(out / TABLE, _csv(Entry, table.entries))
    write_atomically(out / PAIRS, _csv(Pair, table.pairs))
    write_atomically(out / DOCUMENTS, _documents(measured))
    write_atomically(out / JSON, table.to_json())
    from semdim.rank.figures import draw

    draw(table, out)


def read_ranking(out: Path) -> RankTable:
    """The ranking that `write_ranking` wrote.

    Raises:
        ArtifactError: it is missing, damaged, or of another schema.
    """
    path = out / JSON
    return RankTable.from_content(read_json(path, finite=False), str(path))


def read_documents(out: Path) -> dict[str, np.ndarray]:
    """Each autoencoder's |change of the loss| by document, bits.

    Raises:
        ArtifactError: the file is missing.
    """
    path = out / DOCUMENTS
    if not path.is_file():
        raise ArtifactError(f"There is no {path}; `semdim rank` writes it.")
    rows = read_rows(path, advice="`semdim rank` writes it again")
    names = [name for name in rows[0] if name != "document"] if rows else []
    with reading(path, "a number for each document and SAE", "`semdim rank` writes it again"):
        return {plain(name): np.array([float(row[name]) for row in rows]) for name in names}


def _csv(kind: Any, rows: Sequence[Any]) -> str:
    names = [item.name for item in fields(kind)]
    return _text([names, *([getattr(row, name) for name in names] for row in rows)])


def _documents(measured: Sequence[Measured]) -> str:
    columns = zip(*(one.abs_gap for one in measured), strict=True)
    header = ["document", *(one.name for one in measured)]
    rows = zip(measured[0].document, columns, strict=True)
    return _text([header, *([document, *values] for document, values in rows)])


def _text(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(safe, row) for row in rows)
    return text.getvalue()
