"""Documents that repeat most of an earlier one, found by the runs of eight words that they share.

A document is the set of its *shingles*: hashes of eight consecutive words, case and punctuation
ignored. Two documents overlap by the number of shingles in both over that of the one with fewer:
1 when one is part of the other. The comparison is exact, and takes a time that is linear in the
text, as long as all shingles fit the index. Beyond that the index keeps a share of them (those
whose hash is small; half as many each time it is full), and overlaps become estimates: memory stays
bounded, whatever the corpus.
"""

import re
import zlib
from collections import Counter

import numpy as np
from jaxtyping import Int64, UInt64

N_WORDS = 8
MOST_SHINGLES = 4_000_000
"""Shingles in the index: about 10,000 documents of 400 words, and 350 MB."""
_LEAST_SAMPLED = 2
"""Shingles that an estimate of the overlap has to rest on."""
_HASHES = 2**64
_WORD = re.compile(r"\w+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def shingles(text: str) -> UInt64[np.ndarray, " n_shingles"]:
    """Hashes of every eight consecutive words, none twice, ascending; none in a shorter text."""
    words = [zlib.crc32(word.encode("utf-8", "replace")) for word in _WORD.findall(text.lower())]
    n_shingles = len(words) - N_WORDS + 1
    if n_shingles < 1:
        return np.empty(0, dtype=np.uint64)
    codes = np.asarray(words, dtype=np.uint64)
    hashes = np.zeros(n_shingles, dtype=np.uint64)
    for place in range(N_WORDS):  # a polynomial in the words, modulo 2^64
        hashes = hashes * _MULTIPLIER + codes[place : place + n_shingles]
    hashes ^= hashes >> np.uint64(31)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    return np.unique(hashes)


class NearDuplicates:
    """The documents seen so far that were kept, to compare the next one with.

    Args:
        least_overlap: documents that overlap by at least this share are near-duplicates.
        most_shingles: size of the index; two shingles of one hash cannot be told apart.
        share: part of all shingles that the index keeps from the start.
    """

    def __init__(
        self, least_overlap: float, *, most_shingles: int = MOST_SHINGLES, share: float = 1.0
    ) -> None:
        self.least_overlap = least_overlap
        self.most_shingles = most_shingles
        self.share = share
        """The share of all shingles that the index keeps."""
        self._first_with: dict[int, int] = {}
        """By shingle, the first document that has it."""
        self._sizes: list[int] = []
        """Number of all shingles, by document."""

    @property
    def n_documents(self) -> int:
        """Documents that were kept."""
        return len(self._sizes)

    def is_known(self, text: str) -> bool:
        """Whether a text overlaps with an earlier one.

        A shingle that several earlier documents have counts for the first of them.
        """
        return self._is_known(shingles(text))

    def is_new(self, text: str) -> bool:
        """Whether a text overlaps with no earlier one; if so, it is remembered."""
        found = shingles(text)
        if self._is_known(found):
            return False
        self._add(found)
        return True

    def add(self, text: str) -> None:
        """Remember a text, whether it overlaps or not."""
        self._add(shingles(text))

    def sample(
        self,
    ) -> tuple[
        Int64[np.ndarray, " documents"], UInt64[np.ndarray, " kept"], Int64[np.ndarray, " kept"]
    ]:
        """What the index holds: shingles of each document, the hashes kept, whose each is."""
        hashes = np.fromiter(self._first_with, dtype=np.uint64, count=len(self._first_with))
        owners = np.fromiter(self._first_with.values(), dtype=np.int64, count=len(hashes))
        return np.asarray(self._sizes, dtype=np.int64), hashes, owners

    @classmethod
    def of_sample(
        cls,
        share: float,
        sizes: Int64[np.ndarray, " documents"],
        hashes: UInt64[np.ndarray, " kept"],
        owners: Int64[np.ndarray, " kept"],
        *,
        least_overlap: float,
    ) -> "NearDuplicates":
        """An index from what `sample` gave, at a share of all shingles."""
        index = cls(least_overlap, share=share)
        index._sizes = sizes.tolist()
        index._first_with = dict(zip(hashes.tolist(), owners.tolist(), strict=True))
        return index

    def _add(self, found: UInt64[np.ndarray, " n_shingles"]) -> None:
        document = len(self._sizes)
        self._sizes.append(len(found))
        for shingle in self._sampled(found):
            self._first_with.setdefault(shingle, document)
        while len(self._first_with) > self.most_shingles:
            self.share /= 2
            kept = self._first_with.items()
            self._first_with = {hash_: owner for hash_, owner in kept if hash_ < self._limit}

    def _is_known(self, found: UInt64[np.ndarray, " n_shingles"]) -> bool:
        known = self._first_with
        owners = Counter(known[shingle] for shingle in self._sampled(found) if shingle in known)
        return any(self._overlaps(len(found), *shared) for shared in owners.items())

    def _sampled(self, found: UInt64[np.ndarray, " n_shingles"]) -> list[int]:
        kept: list[int] = (found[found < self._limit] if self.share < 1.0 else found).tolist()
        return kept

    @property
    def _limit(self) -> int:
        return int(self.share * _HASHES)

    def _overlaps(self, size: int, earlier: int, n_shared: int) -> bool:
        if self.share < 1.0 and n_shared < _LEAST_SAMPLED:
            return False
        return n_shared >= self.least_overlap * self.share * min(size, self._sizes[earlier])
