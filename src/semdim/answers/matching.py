"""Is an answer right? Normalised exact match, as SQuAD has it, and where an answer ends."""

import re
import unicodedata
from collections.abc import Iterable

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NOT_WORDS = re.compile(r"[^\w]+|_+")
# A full stop behind one or two letters is an abbreviation ("St. John's", "D.C.") and ends nothing.
_SHORT_WORD = r"(?<!^\w)(?<!^\w\w)(?<![\s.]\w)(?<![\s.]\w\w)"
_END = re.compile(rf"[\n\r;:(\"]|,(?=\s|$)|[?!](?=\s|$)|{_SHORT_WORD}\.(?=\s|$)")


def normalised(text: str) -> str:
    """Lower case, without accents, articles and punctuation, words one space apart.

    After Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text" (2016);
    accents are taken off as well, since alternatives differ in them and not in meaning.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = plain.replace("'", "").replace("’", "").replace("`", "")
    words = _ARTICLES.sub(" ", _NOT_WORDS.sub(" ", plain)).split()
    # A name that is an article ("A", the letter) is left as it is rather than made empty.
    return " ".join(words) or " ".join(_NOT_WORDS.sub(" ", plain).split())


def first_clause(text: str) -> str:
    """The answer within what a model wrote: up to the end of its first clause or line."""
    started = text.lstrip()
    end = _END.search(started)
    return (started if end is None else started[: end.start()]).strip()


def is_match(text: str, answers: Iterable[str]) -> bool:
    """Whether an answer, once normalised, is one of the accepted ones."""
    given = normalised(text)
    return bool(given) and given in {normalised(answer) for answer in answers}
