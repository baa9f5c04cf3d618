"""What a corpus is: one frozen, self-validating description, whatever the text is stored in."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semdim.errors import ConfigError

ROLES = ("id", "near", "shifted", "far")
STARTS = ("beginning", "anywhere")

_FILTERS = ("min_characters", "only", "exclude", "drop_duplicates", "start")
_COMMON = ("kind", "n_tokens", "role")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "gensim_english": _FILTERS,
    "python_source": _FILTERS,
    "random": (),
    "files": ("path", "suffixes", *_FILTERS),
    "jsonl": ("path", "text_column", "name_column", *_FILTERS),
    "parquet": ("path", "text_column", "name_column", *_FILTERS),
    "datasets": (
        "path",
        "name",
        "split",
        "data_files",
        "streaming",
        "revision",
        "text_column",
        "name_column",
        *_FILTERS,
    ),
    "replaced": ("base", "share"),
    "shuffled": ("base",),
}
KINDS = tuple(_OPTIONS)
DERIVED_KINDS = ("replaced", "shuffled")
_REQUIRED = ("path", "base")  # where the kind has them at all

_TYPES: dict[str, type] = {
    "kind": str,
    "n_tokens": int,
    "role": str,
    "path": str,
    "text_column": str,
    "name_column": str,
    "name": str,
    "split": str,
    "streaming": bool,
    "revision": str,
    "min_characters": int,
    "drop_duplicates": bool,
    "start": str,
    "share": float,
}
_LISTS = ("data_files", "suffixes", "only", "exclude")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class CorpusSpec:
    """One corpus: where its text is, which part of it counts, and how much of it is measured.

    Raises ConfigError when a field has no meaning for the kind, is missing, or is out of range.
    """

    kind: str
    """``gensim_english``: Wikipedia articles and news that the gensim package carries.
    ``python_source``: the interpreter's own standard library. ``random``: uniform token ids.
    ``files``: text files. ``jsonl``: JSON lines, plain, ``.gz`` or ``.zst``. ``parquet``.
    ``datasets``: any Hugging Face data set with a text column, from the hub or from disk.
    ``replaced``, ``shuffled``: another corpus (``base``), tokens replaced or words shuffled."""
    n_tokens: int = 100_000
    """Tokens to measure, BOS included; rounded up to whole sequences."""
    role: str = "id"
    """What the corpus is in the out-of-distribution study: ``id`` (what the model is used on),
    ``near`` (a slight shift), ``shifted`` (another domain), ``far`` (no language at all)."""

    path: str | None = None
    """files, jsonl, parquet: a file, a folder (searched recursively) or a glob.
    datasets: a hub id, a local folder, or the name of a loader such as ``json``."""
    suffixes: tuple[str, ...] = (".txt", ".md", ".py")
    """files: the endings that count inside a folder (a file or glob is taken as it stands)."""
    text_column: str = "text"
    """jsonl, parquet, datasets: the column that holds the text."""
    name_column: str | None = None
    """jsonl, parquet, datasets: a column whose value begins the document's name, so that ``only``
    and ``exclude`` can choose by it: ``source`` gives ``<source>/<file>:<row>``."""
    name: str | None = None
    """datasets: the configuration, such as ``en`` of ``allenai/c4``."""
    split: str = "train"
    """datasets: the split."""
    data_files: tuple[str, ...] = ()
    """datasets: the files to read, as paths or globs, where the loader wants them named."""
    streaming: bool = True
    """datasets: read as it comes, instead of downloading the whole data set first."""
    revision: str | None = None
    """datasets: the commit or tag on the hub; fix it for results that can be repeated."""

    min_characters: int = 0
    """Shorter documents are dropped, and counted. Empty ones always are."""
    only: tuple[str, ...] = ()
    """Shell patterns on document names; if there are any, a document must match one."""
    exclude: tuple[str, ...] = ()
    """Shell patterns on document names; a document that matches one is dropped, and counted."""
    drop_duplicates: bool = True
    """Drop documents whose text was seen before: a repeated one is not independent."""
    start: str = "beginning"
    """Where a document's text begins: at its ``beginning``, or ``anywhere``: at a line in its
    first half that depends on the text alone. Files of code begin with licences and English
    descriptions, and a sample that takes one sequence of each would hold little else."""

    base: "CorpusSpec | None" = None
    """replaced, shuffled: the corpus to start from (its own n_tokens and role are not used)."""
    share: float = 0.15
    """replaced: the share of tokens that are replaced by uniform ones."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"unknown corpus kind {self.kind!r}: use one of {', '.join(KINDS)}")
        if self.role not in ROLES:
            raise ConfigError(f"unknown corpus role {self.role!r}: use one of {', '.join(ROLES)}")
        if self.start not in STARTS:
            raise ConfigError(f"unknown start {self.start!r}: use one of {', '.join(STARTS)}")
        self._refuse_foreign_fields()
        if self.n_tokens < 1:
            raise ConfigError(f"n_tokens must be at least 1, got {self.n_tokens}")
        if self.min_characters < 0:
            raise ConfigError(f"min_characters must be 0 or more, got {self.min_characters}")
        if not 0 < self.share <= 1:
            raise ConfigError(f"share must lie in (0, 1], got {self.share}")
        if self.base is not None and self.base.kind in (*DERIVED_KINDS, "random"):
            raise ConfigError(f"a {self.kind} corpus cannot start from a {self.base.kind} one")

    def _refuse_foreign_fields(self) -> None:
        options = _OPTIONS[self.kind]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in _COMMON or field.name in options:
                if field.name in _REQUIRED and not value:
                    raise ConfigError(f"a corpus of kind {self.kind} needs {field.name}")
            elif value != field.default:
                known = ", ".join((*_COMMON, *options))
                raise ConfigError(
                    f"{field.name} has no meaning for a corpus of kind {self.kind}, "
                    f"which takes {known}"
                )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str = "corpus") -> "CorpusSpec":
        """Read a configuration group (``where`` is its name in messages, as ``corpora.english``).

        Raises ConfigError for unknown keys and wrong types. A key set to null is left at its
        default.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = [str(key) for key in mapping if key not in known]
        if unknown:
            raise ConfigError(
                f"{where}: unknown setting {', '.join(sorted(unknown))}; "
                f"known are {', '.join(sorted(known))}"
            )
        if mapping.get("kind") is None:
            raise ConfigError(f"{where}: kind is missing; use one of {', '.join(KINDS)}")
        given = {key: value for key, value in mapping.items() if value is not None}
        values = {key: _convert(key, value, f"{where}.{key}") for key, value in given.items()}
        try:
            return cls(**values)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None


def _convert(key: str, value: Any, where: str) -> Any:
    if key == "base":
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected the settings of a corpus, got {value!r}")
        return CorpusSpec.from_mapping(value, where)
    if key in _LISTS:
        items = [value] if isinstance(value, str) else value
        is_list = isinstance(items, Sequence)
        if not is_list or not all(isinstance(item, str) for item in items):
            raise ConfigError(f"{where}: expected a list of texts, got {value!r}")
        return tuple(items)
    wanted = _TYPES[key]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ConfigError(f"{where}: expected {_WORDS[wanted]}, got {value!r}")
    return value
