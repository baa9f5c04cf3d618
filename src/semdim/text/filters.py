"""Documents of a corpus, one after another, in an order that never changes, in bounded memory."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from hashlib import blake2b

from semdim.errors import ConfigError, DataError
from semdim.text.age import Age, age_for
from semdim.text.documents import Document, ReadCounts
from semdim.text.near_duplicates import NearDuplicates
from semdim.text.reading import half_character, normal, printable
from semdim.text.spec import CorpusSpec, TextSpec
from semdim.text.training_text import Seen


def load_documents(
    spec: CorpusSpec, counts: ReadCounts | None = None, *, frozen_at: str | None = None
) -> Iterator[Document]:
    """The documents of a corpus that pass its filters; ``counts`` is filled as they are read.

    ``frozen_at`` says when the model was last changed; None: documents are read whatever their
    dates are.

    Raises DataError for text that cannot be read, and for a corpus that turns out to be empty;
    HubError when a hub is needed and cannot be reached; ConfigError for a kind without documents.
    """
    if not isinstance(spec, TextSpec):
        raise ConfigError(
            f"a corpus of kind {spec.kind} has no documents of its own: sample_corpus() builds it"
        )
    counts = ReadCounts() if counts is None else counts
    return _filtered(spec.documents(counts), spec, counts, age_for(spec, frozen_at))


def is_wanted(name: str, spec: TextSpec) -> bool:
    """Whether a document of this name passes the patterns ``only`` and ``exclude``."""
    return _unwanted(name, spec) is None


def _filtered(
    documents: Iterator[Document], spec: TextSpec, counts: ReadCounts, age: Age | None
) -> Iterator[Document]:
    seen: set[bytes] = set()
    earlier = None if spec.near_duplicates is None else NearDuplicates(spec.near_duplicates)
    seen_in_training = Seen(spec.apart_from) if spec.apart_from else None
    for document in documents:
        document = replace(document, text=normal(document.text))
        reason = _reason_to_drop(document, spec)
        if reason is None and age is not None:
            reason = age.reason_to_drop(document)
        digest = b""
        if reason is None and (spec.drop_duplicates or spec.start == "anywhere"):
            raw = document.text.strip().encode("utf-8")
            digest = blake2b(raw, digest_size=16).digest()
        if reason is None and spec.drop_duplicates:
            reason = "duplicates" if digest in seen else None
            seen.add(digest)
        if reason is None and earlier is not None and not earlier.is_new(document.text):
            reason = "near_duplicates"
        if reason is None and seen_in_training is not None and seen_in_training.has(document.text):
            reason = "in_training_text"
        if reason is not None:
            counts.drop(reason)
            continue
        if spec.start == "anywhere":
            document = replace(document, text=_from_anywhere(document.text, digest))
        label = document.source
        document = replace(
            document,
            name=printable(document.name),
            source=None if label is None else printable(label),
        )
        counts.documents += 1
        counts.characters += len(document.text)
        yield document
    if counts.documents == 0:
        left_out = counts.left_out()
        at = "" if spec.place == spec.kind else f" at {spec.place}"
        raise DataError(
            f"the corpus of kind {spec.kind}{at} holds no "
            f"document to use (left out: {left_out or 'none'}): check its path and filters"
        )


def _unwanted(name: str, spec: TextSpec) -> str | None:
    if spec.only and not _matches(name, spec.only):
        return "not_in_only"
    return "excluded" if _matches(name, spec.exclude) else None


def _reason_to_drop(document: Document, spec: TextSpec) -> str | None:
    reason = _unwanted(document.name, spec)
    if reason is not None:
        return reason
    if half_character(document.text) is not None:
        return "half_characters"
    n_characters = len(document.text.strip())
    if n_characters == 0:
        return "empty"
    return "too_few_characters" if n_characters < spec.min_characters else None


def _from_anywhere(text: str, digest: bytes) -> str:
    """The text from the first line that starts at or after a point drawn from its first half."""
    at = int.from_bytes(digest[:8], "big") * (len(text) // 2) >> 64
    line_end = text.find("\n", max(at - 1, 0)) if at else -1
    return text[line_end + 1 :].lstrip("\n")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
