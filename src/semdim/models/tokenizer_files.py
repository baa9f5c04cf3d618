"""Does a model's folder hold a tokenizer? Asked before weights are read."""

from pathlib import Path

from semdim.errors import DataError
from semdim.reading import read_json

#: Any of these is a tokenizer; vocab.json needs merges.txt beside it.
WHOLE = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
_ADVICE = "copy the original model's tokenizer files into the folder"


def check_tokenizer_files(folder: Path) -> None:
    """Refuse a folder without a tokenizer, and files of one that are damaged JSON.

    Raises:
        DataError: with the names of the files.
    """
    if not any((folder / name).is_file() for name in WHOLE):
        raise DataError(
            f"{folder} holds no tokenizer: none of {', '.join(WHOLE)} is there; {_ADVICE}."
        )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (folder / name).exists():
            read_json(folder / name, advice=_ADVICE, kind=DataError)
