"""How a text of one's own is read, and how many tokens of it a run can count on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semdim.errors import ConfigError
from semdim.text.documents import ReadCounts
from semdim.text.spec import CorpusSpec

CHARACTERS_PER_TOKEN = 6.0
"""More than any usual tokenizer packs into a token of prose: the estimate is rather too small,
because a corpus that holds less than was asked for is refused."""
SPARE = 0.8
"""Part of the estimate that is asked for: repeated documents are left out on the way."""
TABLES = {
    ".parquet": "parquet",
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
}
LEAST_TOKENS = 1_000


@dataclass(frozen=True)
class OwnText:
    """A text and how it is read."""

    name: str
    """Of its corpus."""
    role: str
    """id, or shifted."""
    kind: str
    """files, jsonl or parquet."""
    path: str
    """Absolute: a file, a folder or a glob."""
    n_tokens: int
    """Tokens to measure, BOS included."""


def kind_of(path: str) -> str:
    """The kind of corpus that reads `path`: by the ending of the file, or of the first in a folder.

    Raises:
        ConfigError: there is nothing there.
    """
    place = Path(path)
    if place.is_dir():
        names = sorted(str(file) for file in place.rglob("*") if file.is_file())
    elif place.is_file():
        names = [path]
    else:  # a glob: what it matches is looked for by the corpus itself
        names = [path]
        if not any(sign in path for sign in "*?["):
            raise ConfigError(f"There is no text at {path}: give a file, a folder or a glob.")
    if not names:
        raise ConfigError(f"The folder {path} holds no files: give a text to measure.")
    for name in names:
        endings = [ending.lower() for ending in Path(name).suffixes]
        for ending, kind in TABLES.items():
            if ending in endings:
                return kind
    return "files"


def own_text(
    name: str, role: str, path: str, *, most: int, context: int, sequences: int
) -> OwnText:
    """A text with as many tokens as it surely holds, `most` at most.

    Args:
        name: of its corpus.
        role: id or shifted.
        path: a file, a folder or a glob.
        most: tokens that are wanted.
        context: tokens of a sequence, BOS included.
        sequences: sequences that are taken of a document at most.

    Raises:
        ConfigError: there is no text, or too little of it.
        DataError: it cannot be read.
    """
    full = str(Path(path).expanduser().absolute())
    kind = kind_of(full)
    settings: dict[str, Any] = {"kind": kind, "path": full, "n_tokens": most, "role": role}
    spec = CorpusSpec.from_mapping(settings, name)
    counted = 0
    for length in _lengths(spec):
        tokens = SPARE * length / CHARACTERS_PER_TOKEN
        counted += min(int(tokens // (context - 1)), sequences) * context
        if counted >= most:
            return OwnText(name, role, kind, full, most)
    n_tokens = round_down(counted)
    if n_tokens < LEAST_TOKENS:
        raise ConfigError(
            f"{path} holds about {counted:,} tokens in whole sequences of {context}, and at least "
            f"{LEAST_TOKENS:,} are needed: give more text, longer documents, or a smaller "
            "--context."
        )
    return OwnText(name, role, kind, full, n_tokens)


def _lengths(spec: Any) -> Iterator[int]:
    """Characters of each document."""
    for document in spec.documents(ReadCounts()):
        yield len(document.text)


def round_down(number: int) -> int:
    """With two digits that say something: 47,321 → 47,000."""
    size = 10 ** max(len(str(number)) - 2, 0)
    return number // size * size
