"""A model, an SAE and a text by what people write on a command line."""

from pathlib import Path

from semdim.errors import ConfigError
from semdim.models.spec import ModelSource
from semdim.own_text import TABLES, kind_of
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec

ENGLISH: dict[str, object] = {
    "kind": "gensim_english",
    "near_duplicates": 0.5,
    "min_characters": 500,
}
"""The text ``english``: that of conf/corpus/english.yaml."""
C4: dict[str, object] = {"kind": "datasets", "path": "allenai/c4", "name": "en"}
"""The text ``c4``: that of conf/corpus/c4.yaml."""
NAMED = {"english": ENGLISH, "c4": C4}
"""Texts that have a name; a folder of that name is written ./NAME."""


def corpus_named(
    text: str,
    n_tokens: int,
    *,
    date_column: str | None = None,
    older: str = "drop",
    apart_from: tuple[str, ...] = (),
) -> CorpusSpec:
    """``english``, ``c4``; else a file, a folder or a glob.

    JSON lines and Parquet are tables, a document a row; everything else is text, a document a file.

    Args:
        date_column: of a table, as `semdim.text.rows.RowsSpec`.
        older: as there.
        apart_from: as `semdim.text.spec.TextSpec`.

    Raises:
        ConfigError: it is not possible.
    """
    settings: dict[str, object] = {"n_tokens": n_tokens, "apart_from": apart_from}
    if text in NAMED:
        settings |= NAMED[text]
    else:
        settings |= {"kind": _kind(text, is_dated=date_column is not None), "path": text}
    if date_column is not None:
        if settings["kind"] in ("gensim_english", "files"):
            raise ConfigError(
                f"--date-column needs a table with one document per row, and {text} has no "
                "columns: give JSON lines or Parquet."
            )
        settings |= {"date_column": date_column, "older": older}
    return CorpusSpec.from_mapping(settings, "text")


def _kind(text: str, *, is_dated: bool) -> str:
    """How a path is read; a folder is one of texts, unless it is to have dates."""
    path = Path(text).expanduser()
    if is_dated and path.is_dir():
        return kind_of(str(path))
    endings = [ending.lower() for ending in path.suffixes]
    return next((TABLES[ending] for ending in endings if ending in TABLES), "files")


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
            f"There is no folder {name}: give a model folder in transformers format (config.json, "
            "weights, tokenizer) or a name on the hub."
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
            f"There is no folder {name}, so --sae is neither a folder nor RELEASE/ID in SAELens's "
            "registry: give a folder that SAELens's save_model wrote (cfg.json, "
            "sae_weights.safetensors), or a name such as "
            "gpt2-small-res-jb/blocks.8.hook_resid_pre."
        )
    return SAESource(kind="release", release=release, sae_id=sae_id)
