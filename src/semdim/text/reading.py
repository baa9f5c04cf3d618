"""What a text is, decided once for corpora, for training, for `measure` and for the monitor.

- Files are UTF-8, plain or compressed (`semdim.text.unpack`).
- Byte order marks (U+FEFF) at its start are no part of a text.
- Every line ends in ``\\n``: CRLF and CR become that.
- Unicode is left as it stands, neither composed nor decomposed: what is the same character is for
  the model's own tokenizer to say, which may normalise.
- Half a character (a lone surrogate, which JSON and Python can hold and UTF-8 cannot) is no text. A
  corpus leaves such documents out and counts them; a single text is refused.

Whatever kind a text comes from, `normal` is applied to it, so that the same text has the same
tokens everywhere.
"""

from pathlib import Path
from typing import Any

from semdim.errors import DataError
from semdim.text.unpack import MOST_FILE_BYTES, whole

BYTE_ORDER_MARK = "\ufeff"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def normal(text: str) -> str:
    """A text without byte order marks at its start, its line ends ``\\n``; twice is as once."""
    text = text.lstrip(BYTE_ORDER_MARK)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def half_character(text: str) -> int | None:
    """Where a text holds half a character, None: nowhere."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def printable(name: str) -> str:
    """A name as UTF-8 can hold it: what is no character (bytes of a file's name) is escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def decode(raw: bytes, where: str, *, offset: int = 0, line: int = 1) -> str:
    """UTF-8 as it stands.

    Args:
        raw: a text, or a part of one.
        where: its name in messages.
        offset: bytes before it in its file.
        line: number of its first line there.

    Raises:
        DataError: it is no UTF-8; the message names the byte and its line.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + raw.count(b"\n", 0, error.start)
        hint = " (it seems to be UTF-16)" if not offset and raw[:2] in _OTHER_MARKS else ""
        raise DataError(
            f"{printable(where)} is not UTF-8 text: byte {offset + error.start} is "
            f"0x{raw[error.start]:02x}, on line {at}{hint}; convert it to UTF-8, or leave it out."
        ) from None


def text_of(raw: bytes, where: str) -> str:
    """The text that a whole file, an argument or standard input holds.

    Raises:
        DataError: as `decode`.
    """
    return normal(decode(raw, where))


def read_text_file(path: Path) -> str:
    """The text of a file, plain or compressed.

    Raises:
        DataError: it cannot be read, is damaged, no UTF-8, or larger than
            `semdim.text.unpack.MOST_FILE_BYTES`.
    """
    return text_of(whole(path), str(path))


def of_argument(text: str, what: str) -> str:
    """The text that an argument of a command line holds, whose bytes Python has decoded.

    Raises:
        DataError: they are no UTF-8.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # it came from elsewhere than from bytes
        return checked(text, what)
    return text_of(raw, what)


def read_stream(stream: Any, where: str) -> str:
    """The text of an open stream of bytes, to its end.

    Raises:
        DataError: it is no UTF-8, or continues beyond `semdim.text.unpack.MOST_FILE_BYTES`.
    """
    raw = stream.read(MOST_FILE_BYTES + 1)
    if len(raw) > MOST_FILE_BYTES:
        raise DataError(
            f"{where} holds more than {MOST_FILE_BYTES >> 30} GiB, the most that is read as one "
            "text: give only part of it."
        )
    return text_of(raw, where)


def checked(text: object, what: str) -> str:
    """A text that a caller gives, in its `normal` form.

    Raises:
        DataError: it is no text, or holds half a character.
    """
    if not isinstance(text, str):
        raise DataError(f"{what} is of type {type(text).__name__}, expected text (str): decode it.")
    at = half_character(text)
    if at is not None:
        raise DataError(
            f"{what} holds half a character ({text[at]!r} at {at}), which is not UTF-8: decode it "
            "from its bytes first."
        )
    return normal(text)
