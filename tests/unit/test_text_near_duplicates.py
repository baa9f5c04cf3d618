"""Documents that repeat most of another one are found, whatever their order and number."""

import random
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from text_factory import corpus, write_jsonl

from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.near_duplicates import N_WORDS, NearDuplicates, shingles


def words(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"w{rng.randrange(10_000)}" for _ in range(n)]


def test_shingles_are_the_distinct_runs_of_eight_words() -> None:
    text = words(60, 0) * 2
    runs = {tuple(text[at : at + N_WORDS]) for at in range(len(text) - N_WORDS + 1)}
    found = shingles(" ".join(text))
    assert len(found) == len(runs) and (np.diff(found.astype(object)) > 0).all()
    assert shingles(", ".join(text).upper()).tolist() == found.tolist()
    assert len(shingles("seven words are not enough for one")) == 0


def test_order_of_words_counts() -> None:
    assert len(np.intersect1d(shingles("a b c d e f g h"), shingles("b a c d e f g h"))) == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 80), st.integers(0, 80), st.integers(0, 80), st.booleans())
def test_the_overlap_is_that_of_the_sets(
    shared: int, one: int, other: int, is_swapped: bool
) -> None:
    """With the whole index the decision is the definition, written out with sets."""
    texts = [
        " ".join(words(shared, 1) + words(extra, seed)) for extra, seed in ((one, 2), (other, 3))
    ]
    a, b = (set(shingles(text).tolist()) for text in texts[:: -1 if is_swapped else 1])
    overlap = len(a & b) / min(len(a), len(b))
    seen = NearDuplicates(0.5)
    first, second = texts[:: -1 if is_swapped else 1]
    assert seen.is_new(first)
    assert seen.is_new(second) == (overlap < 0.5)


def test_what_was_dropped_is_no_witness() -> None:
    """A chain a-b-c of which only neighbours overlap: b goes, so c stays."""
    a, b, c = (" ".join(words(400, 5)[start : start + 200]) for start in (0, 80, 160))
    seen = NearDuplicates(0.5)
    assert [seen.is_new(text) for text in (a, b, c)] == [True, False, True]


def test_a_full_index_keeps_a_share_and_still_finds_copies() -> None:
    texts = [" ".join(words(400, seed)) for seed in range(60)]
    seen = NearDuplicates(0.5, most_shingles=5000)
    assert all(seen.is_new(text) for text in texts)  # no false alarm
    assert seen.share == 0.125 and len(seen._first_with) <= 5000
    copies = [text.split(" ", 100)[-1] for text in texts]
    assert sum(seen.is_new(copy) for copy in copies) == 0


def test_they_are_dropped_and_counted(tmp_path: Path) -> None:
    one = " ".join(words(120, 7))
    rows: list[dict[str, object]] = [
        {"text": text} for text in (one, "Late addition. " + one, " ".join(words(120, 8)), one)
    ]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)

    def read(**fields: object) -> tuple[list[str], dict[str, int]]:
        counts = ReadCounts()
        documents = list(load_documents(corpus("jsonl", path=str(path), **fields), counts))
        return [document.name.rpartition(":")[2] for document in documents], counts.as_dict()

    names, counts = read(near_duplicates=0.5)
    assert names == ["1", "3"]
    assert counts["dropped_near_duplicates"] == 1 and counts["dropped_duplicates"] == 1
    names, counts = read()
    assert names == ["1", "2", "3"] and "dropped_near_duplicates" not in counts
