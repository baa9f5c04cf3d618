"""The probe's name in generated sentences: not at all on a page about one, once on one about many.

A reading starts each sentence about one probe with the probe's name ("<name>: …" or "<name>, …");
what it says about all of them starts otherwise. The page makes of that what reads well.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

_WORD = re.compile(r"(?:a|[a-z]{2,})(?![\w*=’])")


@dataclass(frozen=True)
class Told:
    """Sentences that belong together."""

    sentences: list[Markup]
    probe: str = ""
    """The probe that they are about, where the page has to say so."""
    paragraph: Markup = field(init=False)
    """The sentences in a row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "paragraph", Markup(" ").join(self.sentences))


def spoken(sentences: Sequence[Markup], names: Sequence[str]) -> list[Told]:
    """The sentences as a page about the probes `names` says them.

    About one probe: each for itself, without its name. About several: those in a row about the
    same probe under its name.
    """
    told: list[Told] = []
    for sentence in sentences:
        name, rest = _split(sentence, names)
        text = capital(rest) if name else rest
        if len(names) == 1 or not name:
            told.append(Told([text]))
        elif told and told[-1].probe == name:
            told[-1] = Told([*told[-1].sentences, text], name)
        else:
            told.append(Told([text], name))
    return told


def _split(sentence: Markup, names: Sequence[str]) -> tuple[str, Markup]:
    """The probe whose name a sentence starts with, and the rest; ("", all of it) without one."""
    for name in sorted(names, key=len, reverse=True):
        for end in (": ", ", "):
            start = escape(name) + end
            if sentence.startswith(start):
                return name, Markup(sentence[len(start) :])
    return "", sentence


def capital(sentence: Markup) -> Markup:
    """With a capital letter, where it starts with a word and not with a symbol, a name or a tag."""
    return Markup(sentence[:1].upper() + sentence[1:]) if _WORD.match(sentence) else sentence
