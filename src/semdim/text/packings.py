"""How files are compressed: what each way begins with, and a decoder that gives bounded pieces."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from semdim.optional import package

CHUNK = 1 << 20
"""Bytes that are read at once, and given at once where the format has a limit for that."""
# Zstandard has none. The worst is 128 KiB for four bytes, so that a kilobyte gives 32 MiB.
_ZSTD_BYTES = 1 << 10
_LARGEST_WINDOW = 2**31  # of Zstandard: what its --long=31 writes
_XZ_MEMORY = 2**31


class Decoder(Protocol):
    """One compressed member."""

    @property
    def eof(self) -> bool:
        """Whether it is complete."""

    @property
    def unused_data(self) -> bytes:
        """What was fed and comes after it."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What more of the member unpacks to, piece by piece."""


class _Gzip:
    def __init__(self, path: Path) -> None:
        self._decoder = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._decoder.decompress(data, CHUNK)
            yield piece
            data = self._decoder.unconsumed_tail
            if not data and len(piece) < CHUNK:
                return


class _Zstandard:
    def __init__(self, path: Path) -> None:
        zstandard = package("zstandard", f"{path}, compressed by Zstandard,")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._decoder = decompressor.decompressobj()
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_BYTES):
            yield self._decoder.decompress(data[start : start + _ZSTD_BYTES])
            if self.eof:
                self.unused_data = self._decoder.unused_data + data[start + _ZSTD_BYTES :]
                return


class _Limited:
    """bzip2 and xz, whose decoders keep what they have not given yet."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decoder.unused_data)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self.eof:
            yield self._decoder.decompress(data, CHUNK)
            data = b""
            if self._decoder.needs_input:
                return


@dataclass(frozen=True)
class Packing:
    """A way to compress files."""

    name: str
    """For people."""
    beginnings: tuple[bytes, ...]
    """What a member begins with."""
    start: Callable[[Path], Decoder]
    """The decoder of a member of the file."""


# The digits of π begin a block, those of its root an empty member's end.
_BZIP2 = (b"1AY&SY", b"\x17rE8P\x90")
_SKIPPABLE = tuple(bytes([0x50 + kind]) + b"\x2a\x4d\x18" for kind in range(16))
PACKINGS = (
    Packing("gz", (b"\x1f\x8b",), _Gzip),
    Packing("zst", (b"\x28\xb5\x2f\xfd", *_SKIPPABLE), _Zstandard),
    Packing(
        "bz2",
        tuple(b"BZh%d" % level + block for level in range(1, 10) for block in _BZIP2),
        lambda path: _Limited(bz2.BZ2Decompressor()),
    ),
    Packing(
        "xz",
        (b"\xfd7zXZ\x00",),
        lambda path: _Limited(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
    ),
)
LONGEST_BEGINNING = max(len(start) for packing in PACKINGS for start in packing.beginnings)
"""Bytes that tell what a member is."""


def is_packed(path: Path) -> bool:
    """Whether a file begins as a compressed one does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(LONGEST_BEGINNING)
    except OSError:
        return False
    return any(head.startswith(packing.beginnings) for packing in PACKINGS)
