"""Data sets whose files lie in the cache of the hub's client, read where the hub must not be."""

from pathlib import Path
from typing import Any

import pytest
from model_factory import COMMIT, put_in_hub_cache
from text_factory import c4_in_hub_cache, c4_rows, corpus

from semdim.certificate.named import corpus_named
from semdim.errors import DataError, HubError
from semdim.text.documents import ReadCounts
from semdim.text.hub_cache import cached_files

ROWS = b'{"text": "one"}\n{"text": "two"}\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def texts(**settings: Any) -> list[str]:
    spec = corpus("datasets", **settings)
    return [document.text for document in spec.documents(ReadCounts())]


@pytest.mark.parametrize("streaming", [True, False])
def test_c4_is_read_shard_by_shard(
    cache: Path, streaming: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache / "prepared")
    c4_in_hub_cache(cache, [c4_rows(0), c4_rows(1)])
    expected = [str(row["text"]) for shard in (0, 1) for row in c4_rows(shard)]
    assert texts(path="allenai/c4", name="en", streaming=streaming) == expected
    if streaming:
        named = corpus_named("c4", 100)
        assert [document.text for document in named.documents(ReadCounts())] == expected


def test_the_files_that_are_there_identify_the_text(cache: Path) -> None:
    spec = corpus("datasets", path="allenai/c4", name="en")
    assert "cached_files" not in spec.source()
    c4_in_hub_cache(cache, [c4_rows(0)])
    one = spec.source()
    assert (one["commit"], one["cached_files"]) == (COMMIT, ["en/c4-train.00000-of-01024.json.gz"])
    c4_in_hub_cache(cache, [c4_rows(0), c4_rows(1)], repo="somebody/c4")
    assert len(corpus("datasets", path="somebody/c4", name="en").source()["cached_files"]) == 2


def test_a_split_that_was_not_downloaded_is_not_there(cache: Path) -> None:
    c4_in_hub_cache(cache, [c4_rows(0)])
    with pytest.raises(HubError, match="cannot be reached"):
        texts(path="allenai/c4", name="en", split="validation")
    with pytest.raises(HubError, match="cannot be reached"):
        texts(path="allenai/c4", name="en", revision="v9")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "de"}, "no configuration 'de'; it has en, realnewslike"),
        ({"name": "en", "split": "test"}, r"\(en\) has no split 'test'; it has train, validation"),
    ],
)
def test_what_the_card_does_not_have_is_refused(
    cache: Path, settings: dict[str, str], message: str
) -> None:
    c4_in_hub_cache(cache, [c4_rows(0)])
    with pytest.raises(DataError, match=message):
        texts(path="allenai/c4", **settings)


@pytest.mark.parametrize(
    ("card", "name", "patterns"),
    [
        ("configs:\n- {config_name: a, data_files: rows.jsonl}", None, ("rows.jsonl",)),
        ("configs:\n- {config_name: a, data_files: [x.jsonl, rows.jsonl]}", "a",
         ("x.jsonl", "rows.jsonl")),
        ("configs:\n- {config_name: a, data_files: x.jsonl}\n"
         "- {config_name: b, data_files: rows.jsonl, default: true}", None, ("rows.jsonl",)),
        ("configs:\n- {config_name: a, data_files: x.jsonl}\n"
         "- {config_name: default, data_files: rows.jsonl}", None, ("rows.jsonl",)),
        ("configs:\n- config_name: a\n  data_files:\n  - {split: train, path: [rows.jsonl]}", "a",
         ("rows.jsonl",)),
        ("license: mit", None, None),
    ],
)  # fmt: skip
def test_a_card_says_which_files_in_several_ways(
    cache: Path, card: str, name: str | None, patterns: tuple[str, ...] | None
) -> None:
    files = {"README.md": f"---\n{card}\n---\n".encode(), "rows.jsonl": ROWS}
    put_in_hub_cache(cache, "somebody/rows", files, kind="datasets")
    found = cached_files("somebody/rows", name, "train", None)
    assert found is not None and found.patterns == patterns
    assert texts(path="somebody/rows", name=name) == ["one", "two"]


def test_a_card_that_cannot_be_read_is_named(cache: Path) -> None:
    files = {"README.md": b"---\nconfigs: [\n---\n", "rows.jsonl": ROWS}
    put_in_hub_cache(cache, "somebody/rows", files, kind="datasets")
    with pytest.raises(DataError, match=r"the card of data set somebody/rows, .*README\.md"):
        texts(path="somebody/rows")


def test_the_hub_comes_first_where_it_may_be_asked(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    c4_in_hub_cache(cache, [c4_rows(0)])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    source = corpus("datasets", path="allenai/c4", name="en").source()
    assert source["commit"] == COMMIT and "cached_files" not in source


def test_a_damaged_file_is_named(cache: Path) -> None:
    c4_in_hub_cache(cache, [c4_rows(0)])
    (file,) = cache.rglob("*.json.gz")
    file.write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"c4-train.00000-of-01024.json.gz.*downloaded again"):
        texts(path="allenai/c4", name="en")
