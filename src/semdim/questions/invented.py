"""Names of things that do not exist, of the same form as names of things that do.

Words that several names share ("Saint", "Islands", "and") stay; every other word is replaced by one
of about its length, drawn letter by letter from a Markov chain over the words that are replaced.
So the form of a name says little about whether it is invented, and what remains is what a baseline
on the text alone measures (`semdim.answers.supervised`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from semdim.errors import DataError

ORDER = 2
"""Letters that the next letter depends on."""
SHARED = 2
"""Names in which a word must occur to be kept."""
LENGTH_SLACK = 1
"""Letters by which a new word may differ in length."""
SHORT = 2
"""Words of so few letters are kept."""
ATTEMPTS, NAME_ATTEMPTS = 200, 50
"""Draws of one word, and of one name, before it is given up on."""
_START, _END = "^" * ORDER, "$"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def invent(names: Sequence[str], seed: int) -> tuple[str, ...]:
    """An invented name for each of ``names``, all different, none of them a real one.

    Args:
        names: of real things, all different.
        seed: of the draws.

    Raises:
        DataError: the names are too few or too alike for the chain to find new words.
    """
    rng = np.random.default_rng(seed)
    counts = Counter(word.casefold() for name in names for word in set(_WORD.findall(name)))
    own = [word for name in names for word in _own_words(name, counts)]
    chain = _Chain(own, rng)
    taken = {name.casefold() for name in names} | set(counts)
    found = []
    for name in names:
        replaced = _own_words(name, counts)
        for _ in range(NAME_ATTEMPTS):
            new = _WORD.sub(
                lambda word, these=replaced: (  # type: ignore[misc]
                    chain.word(word[0]) if word[0] in these else word[0]
                ),
                name,
            )
            if new.casefold() not in taken:
                break
        else:
            raise DataError(
                f"No invented name like {name!r} could be formed from {len(names)} names: set "
                "invented to false for this question set, or give it more entities."
            )
        taken.add(new.casefold())
        found.append(new)
    return tuple(found)


def _own_words(name: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """The words of a name that are replaced: those that few share, or else the longest.

    In their order in the name: that of a set would change from process to process, and the draws
    with it.
    """
    words = tuple(dict.fromkeys(_WORD.findall(name)))
    rare = tuple(word for word in words if counts[word.casefold()] < SHARED and len(word) > SHORT)
    return rare or tuple(sorted(words, key=len)[-1:])


class _Chain:
    """What follows each run of `ORDER` letters, as often as in the words that it is made of."""

    def __init__(self, words: Sequence[str], rng: np.random.Generator) -> None:
        self._rng = rng
        self._real = {word.casefold() for word in words}
        self._next: dict[str, list[str]] = defaultdict(list)
        for word in words:
            letters = _START + word.casefold() + _END
            for at in range(ORDER, len(letters)):
                self._next[letters[at - ORDER : at]].append(letters[at])

    def word(self, like: str) -> str:
        """A word that is not among the real ones, of about the length and the case of ``like``."""
        for _ in range(ATTEMPTS):
            letters = _START
            while letters[-1] != _END and len(letters) - ORDER <= len(like) + LENGTH_SLACK:
                following = self._next[letters[-ORDER:]]
                letters += following[self._rng.integers(len(following))]
            new = letters[ORDER:].removesuffix(_END)
            if abs(len(new) - len(like)) <= LENGTH_SLACK and new not in self._real:
                break
        else:  # the chain finds no word of this length: the letters of the real one, reordered
            new = "".join(self._rng.permutation(list(like.casefold())))
        return new.capitalize() if like[:1].isupper() else new
