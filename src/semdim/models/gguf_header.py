"""The numbers at the head of a GGUF file, read without transformers and without its weights."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

# Formats of the specification's scalar types, by their number; 8 is a text and 9 a list.
_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT, _LIST = 8, 9
_LONGEST_KEY = 1 << 16
_VERSIONS = (2, 3)


def header_numbers(path: Path, wanted: Iterable[str]) -> dict[str, Any]:
    """The values of keys such as ``block_count``, without the architecture before them.

    Reading stops when all were seen, so that the tokenizer's lists, which come last, are not read.
    What cannot be read is left out: whether the file is whole is `semdim.models.gguf_content`'s to
    say, when the model is prepared.
    """
    missing, found = set(wanted), dict[str, Any]()
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF" or _number(file, "I") not in _VERSIONS:
                return {}
            _number(file, "Q")
            for _ in range(int(_number(file, "Q"))):
                key = _text(file)
                value = _value(file, int(_number(file, "I")))
                name = key.split(".", 1)[-1]
                if name in missing and not key.startswith(("general.", "tokenizer.")):
                    missing.remove(name)
                    found[name] = value
                if not missing:
                    break
    except (OSError, struct.error, ValueError, KeyError, MemoryError, OverflowError):
        pass
    return found


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0]


def _text(file: BinaryIO) -> str:
    length = int(_number(file, "Q"))
    if length > _LONGEST_KEY:
        raise ValueError("no key is that long")
    return file.read(length).decode("utf-8")


def _value(file: BinaryIO, kind: int) -> Any:
    """A scalar; of texts and lists None, once they are passed over."""
    if kind == _TEXT:
        file.seek(int(_number(file, "Q")), 1)
        return None
    if kind != _LIST:
        return _number(file, _SCALARS[kind])
    inner, n_entries = int(_number(file, "I")), int(_number(file, "Q"))
    if inner in _SCALARS:
        file.seek(n_entries * struct.calcsize(f"<{_SCALARS[inner]}"), 1)
        return None
    for _ in range(n_entries):
        _value(file, inner)
    return None
