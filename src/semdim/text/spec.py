"""What a corpus is: one frozen, self-validating description, whatever the text is stored in."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from semdim.fields import ByKind, SettingError, check, read, setting
from semdim.limits import TOKENS, limit
from semdim.text.kind import KINDS

if TYPE_CHECKING:
    from semdim.text.documents import Document, ReadCounts
    from semdim.text.samples import SampleRequest, TokenSample

ROLES = ("id", "near", "shifted", "far")
STARTS = ("beginning", "anywhere")


@dataclass(frozen=True, kw_only=True)
class CorpusSpec(ByKind, ABC):
    """One corpus: where its text is, which part of it counts, and how much of it is measured.

    What every kind has; each adds its own settings (see `semdim.text.kind`).
    """

    kind: str
    """``gensim_english``: Wikipedia articles and news that the gensim package carries.
    ``python_source``: the interpreter's own standard library. ``random``: uniform token ids.
    ``files``: text files. ``jsonl``: JSON lines, plain or compressed. ``parquet``.
    ``datasets``: any Hugging Face data set with a text column, from the hub or from disk.
    ``replaced``, ``shuffled``: another corpus (``base``), tokens replaced or words shuffled."""
    n_tokens: int = setting(100_000, at_least=1, **TOKENS)
    """Tokens to measure, BOS included; rounded up to whole sequences."""
    role: str = setting("id", choices=ROLES)
    """What the corpus is in the out-of-distribution study: ``id`` (what the model is used on),
    ``near`` (a slight shift), ``shifted`` (another domain), ``far`` (no language at all). The
    sample does not depend on it."""

    def __post_init__(self) -> None:
        check(self, "corpus")

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Those that semdim brings, then those of plugins."""
        return KINDS.names()

    @classmethod
    def class_of(cls, kind: str) -> "type[CorpusSpec]":
        """The settings of one kind."""
        return KINDS[kind]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str = "corpus") -> "CorpusSpec":
        """Read a configuration group (``where`` is its name in messages, as ``corpora.english``).

        Raises ConfigError for whatever is not possible. A key set to null is left at its default.
        """
        return read(cls, mapping, where)

    @property
    def place(self) -> str:
        """Where the text is, for people: its path, or its kind."""
        return str(getattr(self, "path", self.kind))

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """What identifies the text, as plain values: see `semdim.text.source.source_digest`."""

    def documents_at_most(self, found: Mapping[str, Any]) -> Sequence[int] | None:
        """The size in bytes of every document that there may be, as text in UTF-8; None: unknown.

        It is asked before anything is read, so a kind answers where its files tell: one entry that
        holds several documents counts as one.

        Args:
            found: what `source` gave.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class TextSpec(CorpusSpec):
    """A corpus of documents, and which of them count."""

    min_characters: int = setting(0, at_least=0, **limit(10**9, "no document is that long"))
    """Shorter documents are dropped, and counted. Empty ones always are."""
    only: tuple[str, ...] = setting((), one_is_a_list=True, not_blank=True)
    """Shell patterns on document names; if there are any, a document must match one."""
    exclude: tuple[str, ...] = setting((), one_is_a_list=True, not_blank=True)
    """Shell patterns on document names; a document that matches one is dropped, and counted."""
    drop_duplicates: bool = True
    """Drop documents whose text was seen before: a repeated one is not independent."""
    near_duplicates: float | None = setting(None, above=0, at_most=1)
    """Drop a document that shares at least this part of its runs of eight words, or of the other's
    where that has fewer, with an earlier one, and count it; null: none. See
    `semdim.text.near_duplicates`."""
    apart_from: tuple[str, ...] = setting((), one_is_a_list=True, not_blank=True)
    """Folders of autoencoders that say what they were trained on (`semdim.text.training_text`):
    drop a document that shares half of its runs of eight words, or of the other's where that has
    fewer, with one of their training texts, and count it."""
    start: str = setting("beginning", choices=STARTS)
    """Where a document's text begins: at its ``beginning``, or ``anywhere``: at a line in its
    first half that depends on the text alone. Files of code begin with licences and English
    descriptions, and a sample that takes one sequence of each would hold little else."""

    @abstractmethod
    def documents(self, counts: "ReadCounts") -> "Iterator[Document]":
        """All documents, in an order that never changes, before the filters above.

        ``counts`` is filled as they are read. Raises DataError for text that cannot be read.
        """


@dataclass(frozen=True, kw_only=True)
class DerivedSpec(CorpusSpec):
    """A corpus made of the sequences of another one: sequence i is sequence i, changed."""

    base: CorpusSpec
    """The corpus to start from, one with documents (its own n_tokens and role are not used)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.base, TextSpec):
            raise SettingError(
                "corpus",
                f"base.kind = {self.base.kind!r} must be a kind that has documents of its own.",
            )

    def source(self) -> dict[str, Any]:
        """That of the base."""
        return self.base.source()

    def documents_at_most(self, found: Mapping[str, Any]) -> Sequence[int] | None:
        """Those of the base."""
        return self.base.documents_at_most(found)

    @abstractmethod
    def shifted(self, sample: "TokenSample", request: "SampleRequest") -> "TokenSample":
        """The base's sample, changed."""


@dataclass(frozen=True, kw_only=True)
class DrawnSpec(CorpusSpec):
    """A corpus without text: its token ids are drawn."""

    def source(self) -> dict[str, Any]:
        """Nothing; the seed is a setting of the run."""
        return {}

    @abstractmethod
    def drawn(self, request: "SampleRequest") -> "TokenSample":
        """The sample."""
