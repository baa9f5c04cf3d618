"""What an autoencoder was trained on is recognised from the hashes that go with it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from test_text_near_duplicates import words
from text_factory import corpus, write_jsonl

from semdim.errors import ArtifactError, ConfigError, SemdimError
from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.near_duplicates import N_WORDS, shingles
from semdim.text.source import source_digest
from semdim.text.training_text import (
    FILE,
    SHARE,
    Seen,
    folders_that_tell,
    read_training_text,
    training_text_of,
    write_training_text,
)

ROOT = Path(__file__).parents[2]


def test_a_file_is_read_as_it_was_written_and_has_one_form(tmp_path: Path) -> None:
    text = training_text_of([" ".join(words(300, 1)), "", " ".join(words(300, 2))])
    path = write_training_text(text, tmp_path)
    first = path.read_bytes()
    again = read_training_text(tmp_path)
    assert again.share == SHARE and again.sizes.tolist() == [293, 0, 293]
    assert again.hashes.tolist() == text.hashes.tolist() and int(again.n_kept.sum()) < 2 * 293 / 4
    assert write_training_text(again, tmp_path).read_bytes() == first


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(8, 60), min_size=1, max_size=5), st.integers(0, 99))
def test_the_hashes_are_those_of_the_documents_below_the_share(
    lengths: list[int], seed: int
) -> None:
    texts = [" ".join(words(n, seed + at)) for at, n in enumerate(lengths)]
    found = training_text_of(texts, 0.5)
    expected: list[int] = []
    for text in texts:
        of_text = [h for h in shingles(text).tolist() if h < 2**63 and h not in expected]
        expected += of_text
    assert sorted(found.hashes.tolist()) == sorted(expected)
    assert found.sizes.tolist() == [len(shingles(text)) for text in texts]


def test_copies_are_found_as_often_as_the_sample_of_hashes_says() -> None:
    """The number of hashes that a copy shares is binomial; strangers share none."""
    n_words, n_texts = 80, 400
    texts = [" ".join(words(n_words, seed)) for seed in range(n_texts)]
    index = training_text_of(texts).index()
    n = n_words - N_WORDS + 1
    chance = binom.sf(np.ceil(0.5 * SHARE * n) - 1, n, SHARE)
    found = sum(index.is_known(text) for text in texts)
    low, high = binom.interval(1 - 1e-6, n_texts, chance)
    assert low <= found <= high and 0.94 < chance < 0.97
    assert not any(index.is_known(" ".join(words(n_words, seed))) for seed in range(1000, 2000))


def test_a_corpus_is_kept_apart_from_it_and_the_count_is_told(tmp_path: Path) -> None:
    seen, new = " ".join(words(400, 1)), " ".join(words(400, 2))
    sae = tmp_path / "sae"
    sae.mkdir()
    write_training_text(training_text_of([seen, " ".join(words(400, 3))]), sae)
    # A part of it, and a longer text around it, are the same text.
    rows: list[dict[str, object]] = [
        {"text": text}
        for text in (new, seen.split(" ", 150)[-1], new[:40] + seen, " ".join(words(400, 4)))
    ]
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    counts = ReadCounts()
    spec = corpus("jsonl", path=path, apart_from=[str(sae)])
    names = [document.name[-1] for document in load_documents(spec, counts)]
    assert names == ["1", "4"] and counts.as_dict()["dropped_in_training_text"] == 2
    assert folders_that_tell([tmp_path, sae, None, sae]) == (str(sae),)
    # Another training text is another input of the pipeline.
    before = source_digest(spec)
    assert before != source_digest(corpus("jsonl", path=path))
    write_training_text(training_text_of([new]), sae)
    assert before != source_digest(spec)


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("none", None, ConfigError, r"There is no .*training_text.*apart_from"),
        ("broken", b"no tensors", ArtifactError, "a sample of a training text"),
    ],
)
def test_what_is_no_such_file_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, error: type[SemdimError], says: str
) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(error, match=says):
        Seen([str(tmp_path)])
    if content is None:
        path = str(write_jsonl(tmp_path / "rows.jsonl", [{"text": "a"}]))
        with pytest.raises(error, match=says):
            source_digest(corpus("jsonl", path=path, apart_from=[str(tmp_path)]))


def test_another_schema_and_a_cut_file_are_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    text = training_text_of([" ".join(words(300, 1))])
    write_training_text(replace(text, n_kept=text.n_kept + 1), tmp_path)
    with pytest.raises(ArtifactError, match="incomplete"):
        read_training_text(tmp_path)
    path = write_training_text(text, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"training_text/1", b"training_text/9"))
    with pytest.raises(ArtifactError, match="training_text/9"):
        read_training_text(tmp_path)


def test_the_autoencoders_that_semdim_ships_say_what_they_were_trained_on() -> None:
    for folder in sorted((ROOT / "models/sae").iterdir()):
        text = read_training_text(folder)
        assert text.share == SHARE and text.n_documents > 3_666 and len(text.hashes) > 400_000
