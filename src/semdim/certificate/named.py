"""A model, a text and windows by what people write on a command line."""

from pathlib import Path

from semdim.models.spec import ModelSource
from semdim.text.spec import CorpusSpec

ENGLISH = {"kind": "gensim_english", "near_duplicates": 0.5, "min_characters": 500}
"""The text ``english``: that of conf/corpus/english.yaml."""


def corpus_named(text: str, n_tokens: int) -> CorpusSpec:
    """``english``; else a file, a folder or a glob of text files, a document each.

    Raises:
        ConfigError: it is not possible.
    """
    if text == "english":
        return CorpusSpec.from_mapping({**ENGLISH, "n_tokens": n_tokens}, "text")
    files = {"kind": "files", "path": text, "n_tokens": n_tokens}
    return CorpusSpec.from_mapping(files, "text")


def model_named(model: str) -> ModelSource:
    """A folder where there is one of this name, else a model of the hub."""
    if Path(model).expanduser().is_dir():
        return ModelSource(kind="folder", path=model)
    return ModelSource(kind="hub", repo=model)
