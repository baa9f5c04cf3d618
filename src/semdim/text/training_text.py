"""What an autoencoder was trained on, as a sample of the hashes of its runs of eight words.

The file goes with the autoencoder, so that whoever measures it can leave out what it has seen
without having its training text: a hash gives no word away. A share of all hashes is kept, those
that are small, and the overlap of a document with one of the training text is an estimate
(`semdim.text.near_duplicates`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt64

from semdim.errors import ArtifactError, ConfigError
from semdim.reading import reading
from semdim.text.near_duplicates import N_WORDS, NearDuplicates

FILE = "training_text.safetensors"
SCHEMA = "training_text/1"
SHARE = 1 / 8
"""Of the hashes: a copy of 80 words is found with probability 0.95, one of 200 with 0.99."""
LEAST_OVERLAP = 0.5
"""From here on a document counts as one that was seen."""


@dataclass(frozen=True)
class TrainingText:
    """The sampled hashes of a text, document by document."""

    share: float
    """Part of all hashes that was kept."""
    sizes: Int64[np.ndarray, " documents"]
    """Number of different runs of eight words, by document."""
    n_kept: Int64[np.ndarray, " documents"]
    """How many of the document's hashes were kept; one that an earlier document has is not."""
    hashes: UInt64[np.ndarray, " kept"]
    """The hashes, those of the first document first."""

    @property
    def n_documents(self) -> int:
        """Documents of the text."""
        return len(self.sizes)

    def index(self, least_overlap: float = LEAST_OVERLAP) -> NearDuplicates:
        """To compare documents with."""
        owners = np.repeat(np.arange(self.n_documents), self.n_kept)
        return NearDuplicates.of_sample(
            self.share, self.sizes, self.hashes, owners, least_overlap=least_overlap
        )


def training_text_of(texts: Iterable[str], share: float = SHARE) -> TrainingText:
    """The sample of documents; ``share`` is that of the hashes."""
    found = NearDuplicates(least_overlap=1.0, share=share)
    for text in texts:
        found.add(text)
    sizes, hashes, owners = found.sample()
    order = np.argsort(owners, kind="stable")
    n_kept = np.bincount(owners, minlength=len(sizes)).astype(np.int64)
    return TrainingText(found.share, sizes, n_kept, hashes[order])


def write_training_text(text: TrainingText, folder: Path) -> Path:
    """Write the file of an autoencoder's folder, whole or not at all."""
    from safetensors.numpy import save

    from semdim.artifacts.temporary import temporary_of

    path = folder / FILE
    arrays = {"sizes": text.sizes, "n_kept": text.n_kept, "hashes": text.hashes}
    # One entry: several would stand in the file in another order each time.
    about = {"about": json.dumps({"schema": SCHEMA, "share": text.share, "n_words": N_WORDS})}
    with temporary_of(path) as stream:
        stream.write(save(arrays, about))
    return path


def read_training_text(path: Path) -> TrainingText:
    """The file of a folder, or a file by its own name.

    Raises:
        ConfigError: there is none.
        ArtifactError: it is damaged, or of another schema.
    """
    from safetensors import safe_open

    file = file_of(path)
    with reading(file, "a sample of a training text", "get the autoencoder's folder again"):
        with safe_open(file, framework="numpy") as opened:
            about = json.loads((opened.metadata() or {}).get("about", "{}"))
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if about.get("schema") != SCHEMA or about.get("n_words") != N_WORDS:
            raise ArtifactError(
                f"{file} has the schema {about.get('schema')!r}, but this semdim reads {SCHEMA!r} "
                f"with runs of {N_WORDS} words: get the autoencoder's folder again."
            )
        text = TrainingText(float(about["share"]), **arrays)
    if len(text.sizes) != len(text.n_kept) or text.n_kept.sum() != len(text.hashes):
        raise ArtifactError(f"{file} is incomplete: get the autoencoder's folder again.")
    return text


def file_of(path: Path) -> Path:
    """The file of a folder, or a file by its own name.

    Raises:
        ConfigError: there is none.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(
            f"There is no {file}, so it is not known what the autoencoder was trained on: make it "
            "from the text with `python -m semdim.training.seen --write`, or leave the folder out "
            "of apart_from."
        )
    return file


def folders_that_tell(folders: Iterable[str | Path | None]) -> tuple[str, ...]:
    """Those of the folders that hold such a file, each once."""
    there = (str(folder) for folder in folders if folder and (Path(folder) / FILE).is_file())
    return tuple(dict.fromkeys(there))


class Seen:
    """The training texts of several autoencoders.

    Args:
        folders: each has the file (`read_training_text`).

    Raises:
        ConfigError, ArtifactError: one has not, or it is damaged.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._indices = [
            read_training_text(Path(folder).expanduser()).index() for folder in folders
        ]

    def has(self, text: str) -> bool:
        """Whether a document is, for half of it or more, in one of them."""
        return any(index.is_known(text) for index in self._indices)
