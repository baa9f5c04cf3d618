"""What a corpus is made of, and an account of what was read and what was left out."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Document:
    """One independent piece of text: an article, a file, a row. No sequence ever crosses two."""

    name: str
    """Where it comes from, for people: ``wikipedia/Anarchism``, ``shard.json.gz:17``."""
    text: str
    source: str | None = None
    """Which of the corpus's sources it comes from, a label such as ``wikipedia``; None: not known.
    Texts of one source are taken to follow one law."""
    published: date | None = None
    """The first day on which it may have been published; None: not known."""


@dataclass
class ReadCounts:
    """A running account that a reader fills while it is iterated: nothing is skipped silently."""

    documents: int = 0
    """Documents handed on."""
    characters: int = 0
    """Characters in them."""
    files: int = 0
    """Files opened."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Documents (or pages, files, lines, as the reason says) left out, by reason."""
    facts: dict[str, str] = field(default_factory=dict)
    """Versions that the text depends on, such as the interpreter whose library was read."""

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1

    def left_out(self, beginnings: tuple[str, ...] = ("",)) -> str:
        """What was left out for reasons that begin so, in words; empty: nothing."""
        reasons = sorted(why for why in self.dropped if why.startswith(beginnings))
        return ", ".join(f"{self.dropped[why]} {why}" for why in reasons)

    def as_dict(self) -> dict[str, int]:
        """Flat, for a manifest: ``files_read``, ``documents_read``, ``dropped_<why>`` in order."""
        read = {
            "files_read": self.files,
            "documents_read": self.documents,
            "characters_read": self.characters,
        }
        return read | {f"dropped_{why}": self.dropped[why] for why in sorted(self.dropped)}
