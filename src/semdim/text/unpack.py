"""Bytes and lines of a file, plain or compressed, in bounded memory and linear time.

What a file is, its first bytes say: gzip, Zstandard, bzip2 or xz, whatever its ending. A file may
consist of several compressed members, with zeros after them, as tapes and block devices leave them.
"""

import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from semdim.errors import DataError
from semdim.text.packings import CHUNK, LONGEST_BEGINNING, PACKINGS, Decoder, Packing

MOST_FILE_BYTES = 2**31
"""The longest text that is read whole, after unpacking: 2 GiB."""
MOST_LINE_BYTES = 2**28
"""The longest line of a file that is read by lines: 256 MiB."""
ENDINGS = (".gz", ".zst", ".bz2", ".xz")
"""Endings of compressed files, in lower case."""
_PATIENCE_MS = 10_000


def chunks(path: Path) -> Iterator[bytes]:
    """The content of a file, unpacked, in pieces of some megabytes at most.

    Raises:
        DataError: the file cannot be read, is damaged, is not what its ending says, or continues
            after its end.
    """
    try:
        yield from _chunks(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _chunks(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        head = file.read(CHUNK)
        packing = next((one for one in PACKINGS if head.startswith(one.beginnings)), None)
        if packing is not None:
            yield from _unpacked(file, head, packing, path)
            return
        ending = path.suffix.lower()
        if head and ending in ENDINGS:
            raise DataError(
                f"{path} is damaged or not {ending[1:]} data: it begins with {head[:4]!r}; fetch "
                "it again, or give it the file ending that matches its content."
            )
        while head:
            yield head
            head = file.read(CHUNK)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, each with its ``\\n`` but for the last.

    Raises:
        DataError: as `chunks`, and for a line longer than `MOST_LINE_BYTES`.
    """
    parts: list[bytes] = []  # of the line that is not complete yet
    size, number = 0, 1
    for chunk in chunks(path):
        start = 0
        while (end := chunk.find(b"\n", start) + 1) > 0:
            yield b"".join([*parts, chunk[start:end]])
            parts, size, number, start = [], 0, number + 1, end
        parts.append(chunk[start:])
        size += len(chunk) - start
        if size > MOST_LINE_BYTES:
            raise DataError(
                f"{path}:{number} is longer than {MOST_LINE_BYTES >> 20} MiB, the most that is "
                "read as one line: write one document per line."
            )
    if size:
        yield b"".join(parts)


def whole(path: Path) -> bytes:
    """The whole content of a file, unpacked.

    Raises:
        DataError: as `chunks`, and for more than `MOST_FILE_BYTES`.
    """
    parts, size = [], 0
    for chunk in chunks(path):
        parts.append(chunk)
        size += len(chunk)
        if size > MOST_FILE_BYTES:
            raise DataError(
                f"{path} holds more than {MOST_FILE_BYTES >> 30} GiB, the most that is read as one "
                "text: split it, or give JSON lines with a document per line."
            )
    return b"".join(parts)


def _unpacked(file: IO[bytes], data: bytes, packing: Packing, path: Path) -> Iterator[bytes]:
    decoder: Decoder | None = None
    while data:
        if decoder is None:
            decoder = packing.start(path)
        try:
            yield from decoder.feed(data)
        except Exception as error:  # every library has errors of its own
            if isinstance(error, MemoryError):
                raise
            raise DataError(
                f"{path} is damaged or not {packing.name} data: {error}; fetch it again."
            ) from error
        data = b""
        if decoder.eof:
            data, decoder = _next_member(file, decoder.unused_data, packing, path), None
        data = data or file.read(CHUNK)
    if decoder is not None:
        raise DataError(f"{path} is damaged: it ends in mid-stream; fetch it again")


def _next_member(file: IO[bytes], data: bytes, packing: Packing, path: Path) -> bytes:
    """What follows a member: another one, or nothing, padding left out."""
    while True:
        data = data.lstrip(b"\0")
        more = file.read(CHUNK) if len(data) < LONGEST_BEGINNING else b""
        if not more:
            break
        data += more
    if data and not data.startswith(packing.beginnings):
        raise DataError(
            f"{path} is damaged: after its end as {packing.name} data it continues with "
            f"{data[:4]!r}; fetch it again."
        )
    return data


def _opened(path: Path) -> IO[bytes]:
    """The file; of a pipe, once there is something in it."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        return path.open("rb")
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(_PATIENCE_MS):
        os.close(pipe)
        raise DataError(
            f"{path} is a pipe into which nothing was written for {_PATIENCE_MS // 1000} s: start "
            "the program that writes to it, or give a file."
        )
    os.set_blocking(pipe, True)
    return os.fdopen(pipe, "rb")
