"""A model, an SAE and a text by what people write on a command line."""

from pathlib import Path

from semdim.errors import ConfigError
from semdim.models.spec import ModelSource
from semdim.saes.spec import SAESource
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


def model_named(name: str, known_as: str | None = None) -> ModelSource:
    """A folder in the format of transformers, else a model of the hub.

    known_as: the name by which the SAE's metadata know it, where that is another one.

    Raises:
        ConfigError: what looks like a folder is none.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return ModelSource(kind="folder", path=str(path.absolute()), name=known_as)
    if name.startswith((".", "/", "~")):
        raise ConfigError(
            f"There is no folder {name}: give a model in the format of transformers (config.json, "
            "weights, tokenizer) or a name of the hub."
        )
    return ModelSource(kind="hub", repo=name, name=known_as)


def sae_named(name: str) -> SAESource:
    """A folder in SAELens's format, else RELEASE/ID of its registry.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return SAESource(kind="folder", path=str(path.absolute()))
    release, _, sae_id = name.partition("/")
    if name.startswith((".", "/", "~")) or not sae_id:
        raise ConfigError(
            f"There is no folder {name}, so that --sae is neither a folder nor RELEASE/ID of "
            "SAELens's registry: give what SAELens's save_model wrote (cfg.json, "
            "sae_weights.safetensors), or a name such as gpt2-small-res-jb/blocks.8.hook_resid_pre."
        )
    return SAESource(kind="release", release=release, sae_id=sae_id)
