"""Rows of a table as documents: the columns of JSON lines, Parquet and data sets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from semdim.errors import DataError
from semdim.fields import setting
from semdim.text.documents import Document
from semdim.text.independence import first_day
from semdim.text.spec import TextSpec

NAMING = ("text_column", "name_column", "source_column", "date_column")
"""The settings that name a column."""
OLDER = ("drop", "refuse", "only")
#: Given the columns of a table and its name, raises DataError where one that is wanted is missing.
ColumnCheck = Callable[[list[str], str], None]


@dataclass(frozen=True, kw_only=True)
class RowsSpec(TextSpec):
    """A corpus of rows, each a document."""

    text_column: str = setting("text", not_empty=True)
    """The column that holds the text."""
    name_column: str | None = None
    """A column whose value begins the document's name, so that ``only`` and ``exclude`` can choose
    by it: ``source`` gives ``<source>/<file>:<row>``."""
    source_column: str | None = None
    """A column that labels the source of each document (a web site, a subset): bounds are then
    given for each source, too."""
    date_column: str | None = None
    """The column that holds the day of first publication: a date, a time, or text such as
    2024-06-30, 2024-06 or 2024, which counts as the first day that it can mean. It asks the model
    to state when it was frozen (`frozen_at` of its source)."""
    older: str = setting("drop", choices=OLDER)
    """What becomes of documents that are not known to be younger than the model: published on the
    day that it was frozen or before, or without a date. ``drop`` leaves them out and counts them,
    ``refuse`` refuses the corpus, ``only`` leaves out all others, for a comparison."""


def text_of(row: dict[str, Any], column: str, where: str) -> str:
    """The text in a row; null counts as empty. DataError for a missing or wrongly typed column."""
    if column not in row:
        raise missing_column(column, list(row), where)
    text = row[column]
    if text is not None and not isinstance(text, str):
        raise DataError(f"{where}: column {column!r} holds {type(text).__name__}, not text")
    return text or ""


def row_document(row: dict[str, Any], spec: RowsSpec, where: str) -> Document:
    """The document in a row, named ``where``, or ``<value of name_column>/<where>``; null in
    ``source_column`` is no label.

    Raises:
        DataError: a column is missing, or holds no text, or no date.
    """
    text = text_of(row, spec.text_column, where)
    check_columns(spec, list(row), where)
    label = None if spec.source_column is None else row[spec.source_column]
    name = where if spec.name_column is None else f"{row[spec.name_column]}/{where}"
    day = None if spec.date_column is None else first_day(row[spec.date_column], where)
    return Document(name, text, None if label is None else str(label), day)


def columns_of(spec: RowsSpec) -> list[str]:
    """The columns that a corpus in a table needs; nothing else is read."""
    return list(dict.fromkeys(_named(spec).values()))


def check_columns(spec: RowsSpec, columns: list[str], where: str) -> None:
    """DataError for a table without the columns that the corpus names."""
    for name, column in _named(spec).items():
        if column not in columns:
            raise missing_column(column, columns, where, name)


def needs(columns: Sequence[str]) -> ColumnCheck:
    """The check that a table has all of these columns."""

    def check(have: list[str], where: str) -> None:
        for column in columns:
            if column not in have:
                names = ", ".join(map(repr, have)) or "none"
                raise DataError(f"{where} has no column {column!r}; it has {names}.")

    return check


def _named(spec: RowsSpec) -> dict[str, str]:
    """The columns that a corpus names, by the setting that names them."""
    named = {name: getattr(spec, name) for name in NAMING}
    return {name: column for name, column in named.items() if column is not None}


def missing_column(
    column: str, columns: list[str], where: str, setting: str = "text_column"
) -> DataError:
    names = ", ".join(repr(name) for name in columns) or "none"
    return DataError(f"{where} has no column {column!r}; it has {names}: set {setting}")
