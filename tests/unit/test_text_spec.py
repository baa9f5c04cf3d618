"""Corpus settings: what is refused, in which words, and that every preset is a valid one."""

from pathlib import Path

import pytest
import yaml

from semdim.errors import ConfigError
from semdim.text.spec import CorpusSpec

PRESETS = sorted((Path(__file__).parents[2] / "conf" / "corpus").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_is_valid_and_packaged_under_its_name(path: Path) -> None:
    assert path.read_text().splitlines()[0] == f"# @package corpora.{path.stem}"
    spec = CorpusSpec.from_mapping(yaml.safe_load(path.read_text()), f"corpora.{path.stem}")
    assert spec.n_tokens >= 20_000


def test_the_presets_of_the_paper_and_the_main_job_are_there() -> None:
    names = {path.stem for path in PRESETS}
    assert {"english", "python", "random", "c4", "codeparrot"} <= names
    assert {"english_replaced", "english_shuffled", "folder", "jsonl", "parquet"} <= names


@pytest.mark.parametrize("name", ["english_replaced", "english_shuffled"])
def test_a_shifted_preset_starts_from_the_english_one(name: str) -> None:
    presets = {path.stem: yaml.safe_load(path.read_text()) for path in PRESETS}
    english = {key: presets["english"][key] for key in presets["english"] if key not in _OWN}
    assert presets[name]["base"] == english


_OWN = ("role", "n_tokens")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"kind": "files", "path": "x", "paht": 1}, r"corpora\.mine: unknown setting paht; known"),
        ({"path": "x"}, "kind is missing; use one of gensim_english"),
        ({"kind": "csv"}, "unknown corpus kind 'csv': use one of"),
        ({"kind": "files"}, "a corpus of kind files needs path"),
        ({"kind": "replaced"}, "a corpus of kind replaced needs base"),
        ({"kind": "random", "path": "x"}, "path has no meaning for a corpus of kind random"),
        ({"kind": "random", "n_tokens": "abc"}, r"corpora\.mine\.n_tokens: expected a whole"),
        ({"kind": "random", "n_tokens": True}, "expected a whole number, got True"),
        ({"kind": "random", "n_tokens": 0}, "n_tokens must be at least 1, got 0"),
        ({"kind": "random", "role": "ood"}, "unknown corpus role 'ood': use one of id, near"),
        ({"kind": "files", "path": "x", "suffixes": [1]}, "expected a list of texts"),
        ({"kind": "files", "path": "x", "suffixes": 3}, "expected a list of texts"),
        ({"kind": "files", "path": "x", "start": "middle"}, "unknown start 'middle'"),
        ({"kind": "files", "path": "x", "min_characters": -1}, "min_characters must be 0 or more"),
        ({"kind": "replaced", "base": "english"}, "expected the settings of a corpus"),
        ({"kind": "replaced", "base": {"kind": "random"}}, "cannot start from a random one"),
        (
            {"kind": "replaced", "share": 1.5, "base": {"kind": "gensim_english"}},
            r"share must lie in \(0, 1\], got 1.5",
        ),
        (
            {"kind": "shuffled", "base": {"kind": "gensim_english", "pth": "x"}},
            r"corpora\.mine\.base: unknown setting pth",
        ),
    ],
)
def test_refused(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CorpusSpec.from_mapping(mapping, "corpora.mine")


def test_null_means_default_and_one_text_means_a_list() -> None:
    spec = CorpusSpec.from_mapping(
        {"kind": "datasets", "path": "a/b", "revision": None, "data_files": "x.json"}
    )
    assert spec.revision is None
    assert spec.data_files == ("x.json",)
    assert spec.streaming is True


def test_share_may_be_written_as_a_whole_number() -> None:
    spec = CorpusSpec.from_mapping(
        {"kind": "replaced", "share": 1, "base": {"kind": "python_source"}}
    )
    assert spec.share == 1.0
    assert spec.base == CorpusSpec("python_source")
