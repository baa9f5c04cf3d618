"""Corpus settings: what is refused, in which words, and that every preset is a valid one."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from text_factory import corpus

from semdim.errors import ConfigError
from semdim.text.kind import KINDS
from semdim.text.spec import CorpusSpec, DerivedSpec, TextSpec

CONF = Path(__file__).parents[2] / "conf"
PRESETS = sorted((CONF / "corpus").glob("*.yaml"))


def composed(*names: str) -> dict[str, Any]:
    """The corpora of a configuration that chooses these presets."""
    with initialize_config_dir(str(CONF), version_base=None):
        config = compose("config", overrides=[f"corpus=[{','.join(names)}]"])
    corpora = OmegaConf.to_container(config.corpora)
    assert isinstance(corpora, dict)
    return {str(name): settings for name, settings in corpora.items()}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_is_valid_and_packaged_under_its_name(path: Path) -> None:
    assert path.read_text().splitlines()[0] == f"# @package corpora.{path.stem}"
    corpora = composed(path.stem)
    assert list(corpora) == [path.stem]
    spec = CorpusSpec.from_mapping(corpora[path.stem], f"corpora.{path.stem}")
    assert spec.n_tokens >= 20_000


def test_the_presets_of_the_paper_and_the_main_job_are_there() -> None:
    names = {path.stem for path in PRESETS}
    assert {"english", "python", "random", "c4", "codeparrot"} <= names
    assert {"english_replaced", "english_shuffled", "folder", "jsonl", "parquet"} <= names


@pytest.mark.parametrize("name", ["english_replaced", "english_shuffled"])
def test_a_shifted_preset_starts_from_the_english_one(name: str) -> None:
    corpora = composed("english", name)
    assert corpora[name]["base"] == corpora["english"]
    spec = CorpusSpec.from_mapping(corpora[name], name)
    assert isinstance(spec, DerivedSpec) and spec.role == "near"
    assert spec.base == CorpusSpec.from_mapping(corpora["english"], "english")


def test_every_kind_that_semdim_brings_is_registered() -> None:
    assert set(KINDS) >= {
        "gensim_english", "python_source", "random", "files", "jsonl", "parquet", "datasets",
        "replaced", "shuffled",
    }  # fmt: skip
    for name, kind in zip(KINDS.names(), KINDS.values(), strict=True):
        assert kind.__dataclass_fields__["kind"].default == name


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"kind": "files", "path": "x", "paht": 1},
            r"corpora\.mine of kind files has no setting 'paht'; it has .* mean 'path'\?",
        ),
        ({"path": "x"}, r"corpora\.mine lacks kind \(one of .*gensim_english"),
        ({"kind": "file"}, r"corpora\.mine\.kind = 'file' must be one of .* mean 'files'\?"),
        ({"kind": ["files"]}, r"corpora\.mine\.kind = \['files'\] must be one of"),
        ({"kind": "files"}, r"corpora\.mine of kind files lacks path \(a text"),
        ({"kind": "files", "path": None}, r"corpora\.mine\.path = null must be a text"),
        ({"kind": "replaced"}, r"of kind replaced lacks base \(a mapping of settings\)"),
        ({"kind": "random", "path": "x"}, r"corpora\.mine of kind random has no setting 'path'"),
        ({"kind": "random", "n_tokens": "abc"}, r"corpora\.mine\.n_tokens = 'abc' must be a whole"),
        ({"kind": "random", "n_tokens": True}, "n_tokens = True must be a whole number"),
        ({"kind": "random", "n_tokens": 0}, "n_tokens = 0 must be a whole number between 1 and"),
        ({"kind": "random", "n_tokens": 10**15}, "must be a whole number between 1 and"),
        ({"kind": "random", "role": "ood"}, r"\.role = 'ood' must be one of id, near, shifted"),
        ({"kind": "files", "path": "x", "suffixes": [1]}, r"suffixes\[0\] = 1 must be a text"),
        ({"kind": "files", "path": "x", "suffixes": 3}, "suffixes = 3 must be a text"),
        ({"kind": "files", "path": "x", "start": "middle"}, "start = 'middle' must be one of"),
        ({"kind": "files", "path": "x", "min_characters": -1}, "min_characters = -1 must be"),
        (
            {"kind": "replaced", "base": "english"},
            r"base = 'english' must be a mapping of settings",
        ),
        (
            {"kind": "replaced", "base": {"kind": "random"}},
            r"corpora\.mine\.base\.kind = 'random' must be a kind that has documents of its own",
        ),
        (
            {"kind": "replaced", "share": 1.5, "base": {"kind": "gensim_english"}},
            r"share = 1\.5 must be a number above 0 and at most 1",
        ),
        (
            {"kind": "shuffled", "base": {"kind": "gensim_english", "pth": "x"}},
            r"corpora\.mine\.base of kind gensim_english has no setting 'pth'",
        ),
    ],
)
def test_refused(mapping: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CorpusSpec.from_mapping(mapping, "corpora.mine")


def test_null_means_default_and_one_text_means_a_list() -> None:
    spec = corpus("datasets", path="a/b", revision=None, data_files="x.json", split=None)
    assert (spec.revision, spec.data_files) == (None, ("x.json",))  # type: ignore[attr-defined]
    assert (spec.streaming, spec.split) == (True, "train")  # type: ignore[attr-defined]


def test_share_may_be_written_as_a_whole_number() -> None:
    spec = corpus("replaced", share=1, base={"kind": "python_source"})
    assert spec.share == 1.0  # type: ignore[attr-defined]
    assert spec.base == corpus("python_source")  # type: ignore[attr-defined]


def test_a_corpus_says_where_its_text_is() -> None:
    assert corpus("files", path="notes").place == "notes"
    assert corpus("random").place == "random"
    assert isinstance(corpus("files", path="notes"), TextSpec)
