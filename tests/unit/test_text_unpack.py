"""Files that are compressed in every way, damaged, or without end; lines in linear time."""

import bz2
import gzip
import lzma
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from text_factory import corpus

from semdim.errors import DataError
from semdim.text import packings, unpack
from semdim.text.filters import load_documents
from semdim.text.packings import CHUNK
from semdim.text.reading import read_text_file
from semdim.text.unpack import chunks, lines, whole

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
ROWS = b'{"text": "a"}\n{"text": "b"}\n'


def texts(path: Path) -> list[str]:
    return [document.text for document in load_documents(corpus("jsonl", path=str(path)))]


@pytest.mark.parametrize("kind", COMPRESS)
def test_members_padding_and_capital_endings(tmp_path: Path, kind: str) -> None:
    compress = COMPRESS[kind]
    for name in (f"x.jsonl.{kind}", f"x.jsonl.{kind.upper()}"):
        raw = compress(ROWS[:17]) + bytes(1000) + compress(ROWS[17:]) + bytes(3 << 20)
        (tmp_path / name).write_bytes(raw)
        assert texts(tmp_path) == texts(tmp_path / name) == ["a", "b"]
        (tmp_path / name).unlink()
    (tmp_path / "unnamed.jsonl").write_bytes(compress(ROWS))
    assert texts(tmp_path) == ["a", "b"]
    (tmp_path / "note.txt").write_bytes(compress(b"\xef\xbb\xbfa note\r\n"))
    assert read_text_file(tmp_path / "note.txt") == "a note\n"


@pytest.mark.parametrize("kind", COMPRESS)
def test_damage_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    good = COMPRESS[kind](os.urandom(100_000))
    for raw, message in (
        (good[:-9], "is damaged: it ends in mid-stream"),
        (good[:40_000] + bytes(99) + good[40_099:], f"is damaged or not {kind} data"),
        (good + b"something else", f"after its end as {kind} data it continues with b'some'"),
        (good + good[:-9], "is damaged: it ends in mid-stream"),
        (b"plain text", f"is damaged or not {kind} data: it begins with b'plai'"),
    ):
        path.write_bytes(raw)
        with pytest.raises(DataError, match=message):
            whole(path)
    path.write_bytes(b"")
    assert whole(path) == b""


@given(
    kind=st.sampled_from(sorted(COMPRESS)),
    parts=st.lists(st.binary(max_size=40), min_size=1, max_size=4),
)
def test_members_are_read_one_after_another(
    tmp_path_factory: pytest.TempPathFactory, kind: str, parts: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("members") / f"x.{kind}"
    path.write_bytes(b"".join(map(COMPRESS[kind], parts)))
    assert whole(path) == b"".join(parts)
    assert b"".join(lines(path)) == b"".join(parts)


def test_zstandard_with_a_large_window_and_skippable_frames(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=29, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    raw = writer.compress(ROWS) + writer.flush()  # of unknown size, so that the window stays
    assert zstandard.get_frame_parameters(raw).window_size == 2**29
    skipped = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(skipped + raw + skipped + COMPRESS["zst"](ROWS))
    assert texts(path) == ["a", "b"]


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_bomb_is_unpacked_in_bounded_pieces(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x.jsonl.{kind}"
    path.write_bytes(COMPRESS[kind](bytes(40 << 20)))
    assert max(len(chunk) for chunk in chunks(path)) <= 33 << 20
    monkeypatch.setattr(unpack, "MOST_LINE_BYTES", 1 << 20)
    monkeypatch.setattr(unpack, "MOST_FILE_BYTES", 1 << 20)
    with pytest.raises(DataError, match=r"x\.jsonl\.\w+:1 is longer than 1 MiB"):
        texts(path)
    with pytest.raises(DataError, match=r"holds more than .*, the most that is read as one text"):
        read_text_file(path)


def test_a_long_line_takes_time_in_proportion(tmp_path: Path) -> None:
    """A quadratic reader takes 16 times as long for four times as much."""
    seconds = []
    for megabytes in (8, 32):
        path = tmp_path / "x.json"
        path.write_bytes(b'["' + b"some words " * (megabytes * 2**20 // 11) + b'"]\n')
        tries = []
        for _ in range(3):
            start = time.process_time()
            assert sum(map(len, lines(path))) == path.stat().st_size
            tries.append(time.process_time() - start)
        seconds.append(min(tries))
    assert seconds[1] < 10 * max(seconds[0], 0.005)


@given(st.lists(st.sampled_from([b"", b"a", b"bb" * 3, b"\r"]), max_size=9), st.integers(1, 5))
def test_lines_are_the_lines(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x"
    raw = b"\n".join(parts)
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "CHUNK", size)
        assert list(lines(path)) == raw.splitlines(keepends=True) or b"\r" in raw
        assert b"".join(lines(path)) == raw
        assert all(line.find(b"\n") in (-1, len(line) - 1) for line in lines(path))


def test_a_pipe_is_read_and_one_without_a_writer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"a text\r\n"))
    writer.start()
    assert read_text_file(pipe) == "a text\n"
    writer.join()
    monkeypatch.setattr(unpack, "_PATIENCE_MS", 50)
    with pytest.raises(DataError, match="is a pipe into which nothing was written"):
        read_text_file(pipe)


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path, tmp_path / "x" / "y", Path("/proc/self/mem")):
        with pytest.raises(DataError, match=f"{path} cannot be read: "):
            read_text_file(path)


def test_every_packing_has_a_test() -> None:
    assert {packing.name for packing in packings.PACKINGS} == set(COMPRESS)
    assert CHUNK == unpack.CHUNK
