"""Evidence that two corpora share no text: runs of words that stand in both."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

from semdim.errors import ConfigError
from semdim.text.documents import Document

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Overlap:
    """How much of an evaluation corpus stands word for word in a training corpus."""

    n_words_per_run: int
    n_runs: int
    """Different runs of that many words in the evaluation corpus."""
    n_runs_shared: int
    """Those that the training corpus holds too."""
    n_documents: int
    """Evaluation documents."""
    n_documents_touched: int
    """Those with at least one shared run."""
    n_training_documents: int
    worst: tuple[tuple[str, float], ...]
    """The touched documents and the share of their runs that is shared, the largest first."""

    @property
    def share(self) -> float:
        """Shared runs over runs; 0 for disjoint corpora."""
        return self.n_runs_shared / self.n_runs if self.n_runs else 0.0


def find_overlap(
    evaluation: Iterable[Document], training: Iterable[Document], *, n_words_per_run: int = 13
) -> Overlap:
    """Compare by runs of words, lower case, punctuation and white space ignored.

    Thirteen words is the customary length for contamination checks: shorter runs are common
    phrases. The evaluation corpus is held in memory (8 bytes a word), the training corpus is
    streamed. Runs are compared by 64-bit hashes, whose chance agreements are negligible at any
    size that fits in memory. Raises ConfigError for a run of less than one word.
    """
    if n_words_per_run < 1:
        raise ConfigError(f"n_words_per_run must be at least 1, got {n_words_per_run}")
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 2**64, size=n_words_per_run, dtype=np.uint64) | np.uint64(1)
    vocabulary: dict[str, int] = {}  # 0 stands for a word that no evaluation document holds
    names: list[str] = []
    runs_of: list[UInt64[np.ndarray, " n_runs"]] = []
    for document in evaluation:
        words = _WORD.findall(document.text.lower())
        ids = [vocabulary.setdefault(word, len(vocabulary) + 1) for word in words]
        names.append(document.name)
        runs_of.append(np.unique(_hash_runs(np.asarray(ids, dtype=np.int64), weights)))
    runs = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *runs_of]))

    shared = np.zeros(runs.size, dtype=bool)
    n_training = 0
    for document in training:
        n_training += 1
        words = _WORD.findall(document.text.lower())
        found = _hash_runs(
            np.fromiter((vocabulary.get(word, 0) for word in words), np.int64, len(words)), weights
        )
        if runs.size:
            at = np.minimum(np.searchsorted(runs, found), runs.size - 1)
            shared[at[runs[at] == found]] = True

    shares = [
        float(np.isin(own, runs[shared], assume_unique=True).mean()) if own.size else 0.0
        for own in runs_of
    ]
    touched = [(name, share) for name, share in zip(names, shares, strict=True) if share > 0]
    return Overlap(
        n_words_per_run=n_words_per_run,
        n_runs=int(runs.size),
        n_runs_shared=int(shared.sum()),
        n_documents=len(names),
        n_documents_touched=len(touched),
        n_training_documents=n_training,
        worst=tuple(sorted(touched, key=lambda item: (-item[1], item[0]))),
    )


def _hash_runs(
    ids: Int64[np.ndarray, " n_words"], weights: UInt64[np.ndarray, " n_words_per_run"]
) -> UInt64[np.ndarray, " n_runs"]:
    """A hash for every run of known words, modulo 2^64."""
    n_runs = ids.size - weights.size + 1
    if n_runs < 1:
        return np.empty(0, dtype=np.uint64)
    # Ids are spread over 64 bits first: with small ones, sums of products would collide.
    spread = _mix(ids.astype(np.uint64))
    hashes = np.zeros(n_runs, dtype=np.uint64)
    n_unknown = np.zeros(n_runs, dtype=np.int64)
    for offset, weight in enumerate(weights):
        hashes += spread[offset : offset + n_runs] * weight
        n_unknown += ids[offset : offset + n_runs] == 0
    return hashes[n_unknown == 0]


def _mix(values: UInt64[np.ndarray, " n_words"]) -> UInt64[np.ndarray, " n_words"]:
    """The finaliser of the splitmix64 generator."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
