"""Rows of a table as facts: what JSON lines, Parquet and data sets have in common."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semdim.errors import DataError
from semdim.fields import setting
from semdim.questions.question import Fact
from semdim.questions.spec import QuestionsSpec


@dataclass(frozen=True, kw_only=True)
class RowQuestions(QuestionsSpec):
    """A table with a fact per row.

    A column inside another is named by a dotted path: TriviaQA's aliases are ``answer.aliases``.
    """

    answers_column: str = setting("answers", not_empty=True)
    """Accepted answers: a text, a list of texts, or such a list written as JSON, as in PopQA."""
    entity_column: str = setting("entity", not_empty=True)
    """What the question is about; where each row is about another thing, the question itself."""
    group_column: str | None = None
    """What kind of fact it is (PopQA: ``prop``): answers of a group are alternatives of each
    other; null: all rows are one group."""
    popularity_column: str | None = None
    """How well known the entity is (PopQA: ``s_pop``); null: not known."""
    alternatives_column: str | None = None
    """The answers to choose from, the true one among them; null: those of the group."""
    first_answer_column: str | None = None
    """The answer that is ranked (TriviaQA: ``answer.value``); null: the first of the answers."""

    @property
    def entity_field(self) -> str:
        """See `QuestionsSpec.entity_field`."""
        return self.entity_column

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns that are needed; nothing else is read."""
        from semdim.questions.templates import fields_of

        named = (
            self.answers_column, self.entity_column, self.group_column, self.popularity_column,
            self.alternatives_column, self.first_answer_column,
            *(name for template in self.templates for name in fields_of(template)),
        )  # fmt: skip
        return tuple(dict.fromkeys(name.split(".")[0] for name in named if name is not None))

    def read_rows(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Fact]:
        """The fact in each row; rows are named by where they stand."""
        for where, row in rows:
            yield self.fact(row, where)

    def fact(self, row: Mapping[str, Any], where: str) -> Fact:
        """The fact in a row.

        Raises:
            DataError: a column is missing or of another type, or there is no answer.
        """
        answers = texts(at(row, self.answers_column, where), self.answers_column, where)
        if self.first_answer_column is not None:
            first = texts(at(row, self.first_answer_column, where), self.first_answer_column, where)
            answers = tuple(dict.fromkeys([*first, *answers]))
        if not answers:
            raise DataError(
                f"{where} is a question without an answer: its {self.answers_column!r} is empty; "
                "add one or leave the row out."
            )
        entity = texts(at(row, self.entity_column, where), self.entity_column, where)
        if not entity:
            raise DataError(
                f"{where} names no entity, because its {self.entity_column!r} is "
                "empty: add one or leave the row out."
            )
        alternatives: tuple[str, ...] = ()
        if self.alternatives_column is not None:
            value = at(row, self.alternatives_column, where)
            alternatives = texts(value, self.alternatives_column, where)
        return Fact(
            entity=entity[0],
            answers=answers,
            fields={name: str(value) for name, value in row.items() if _is_plain(value)},
            group="all" if self.group_column is None else str(at(row, self.group_column, where)),
            popularity=self._popularity(row, where),
            alternatives=alternatives,
            where=where,
        )

    def _popularity(self, row: Mapping[str, Any], where: str) -> float | None:
        if self.popularity_column is None:
            return None
        value = at(row, self.popularity_column, where)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise DataError(
                f"{where}: {self.popularity_column!r} holds {value!r}, which is not a number; "
                "popularity must be a number, larger = better known."
            )
        return float(value)


def at(row: Mapping[str, Any], column: str, where: str) -> Any:
    """The value at a dotted path of a row.

    Raises:
        DataError: a part of the path is missing.
    """
    value: Any = row
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            have = ", ".join(map(repr, value)) if isinstance(value, Mapping) else "no columns"
            raise DataError(f"{where} has no column {column!r} (at {part!r} it has {have}).")
        value = value[part]
    return value


def texts(value: Any, column: str, where: str) -> tuple[str, ...]:
    """A text, a list of texts, or a list written as JSON, without repeats and blanks.

    Raises:
        DataError: it is something else.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    listed = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if bad := [entry for entry in listed if not _is_plain(entry)]:
        raise DataError(
            f"{where}: {column!r} holds {type(bad[0]).__name__}, expected a text or a list of "
            "texts; name a column inside it by a dotted path."
        )
    kept = (str(entry).strip() for entry in listed)
    return tuple(dict.fromkeys(entry for entry in kept if entry))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
