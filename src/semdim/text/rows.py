"""Rows of a table as documents: the columns of JSON lines, Parquet and data sets."""

from dataclasses import dataclass
from typing import Any

from semdim.errors import DataError
from semdim.fields import setting
from semdim.text.documents import Document
from semdim.text.spec import TextSpec


@dataclass(frozen=True, kw_only=True)
class RowsSpec(TextSpec):
    """A corpus of rows, each a document."""

    text_column: str = setting("text", not_empty=True)
    """The column that holds the text."""
    name_column: str | None = None
    """A column whose value begins the document's name, so that ``only`` and ``exclude`` can choose
    by it: ``source`` gives ``<source>/<file>:<row>``."""


def text_of(row: dict[str, Any], column: str, where: str) -> str:
    """The text in a row; null counts as empty. DataError for a missing or wrongly typed column."""
    if column not in row:
        raise missing_column(column, list(row), where)
    text = row[column]
    if text is not None and not isinstance(text, str):
        raise DataError(f"{where}: column {column!r} holds {type(text).__name__}, not text")
    return text or ""


def row_document(row: dict[str, Any], spec: RowsSpec, where: str) -> Document:
    """The document in a row, named ``where``, or ``<value of name_column>/<where>``."""
    text = text_of(row, spec.text_column, where)
    if spec.name_column is None:
        return Document(where, text)
    if spec.name_column not in row:
        raise missing_column(spec.name_column, list(row), where, "name_column")
    return Document(f"{row[spec.name_column]}/{where}", text)


def columns_of(spec: RowsSpec) -> list[str]:
    """The columns that a corpus in a table needs; nothing else is read."""
    wanted = [spec.text_column, *([spec.name_column] if spec.name_column else [])]
    return list(dict.fromkeys(wanted))


def check_columns(spec: RowsSpec, columns: list[str], where: str) -> None:
    """DataError for a table without the columns that the corpus names."""
    if spec.text_column not in columns:
        raise missing_column(spec.text_column, columns, where)
    if spec.name_column is not None and spec.name_column not in columns:
        raise missing_column(spec.name_column, columns, where, "name_column")


def missing_column(
    column: str, columns: list[str], where: str, setting: str = "text_column"
) -> DataError:
    names = ", ".join(repr(name) for name in columns) or "none"
    return DataError(f"{where} has no column {column!r}; it has {names}: set {setting}")
