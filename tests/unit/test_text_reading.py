"""One text has one form, whatever it comes from: corpora, `measure`, the monitor, an argument."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_factory import BOS, corpus, tiny_tokenizer

import semdim
from semdim.errors import DataError
from semdim.monitor.pieces import token_ids
from semdim.text.documents import ReadCounts
from semdim.text.filters import load_documents
from semdim.text.reading import (
    checked,
    decode,
    half_character,
    normal,
    of_argument,
    printable,
    read_stream,
    read_text_file,
    text_of,
)
from semdim.text.tokenizing import encode_batch
from semdim.tokens.given import sample_of_texts

WINDOWS = "\ufeffA note — naïve, e\u0301.\r\nSaved on Windows.\r\rAnd\ron an old Mac.\r\n"
PLAIN = "A note — naïve, e\u0301.\nSaved on Windows.\n\nAnd\non an old Mac.\n"


def ids(text: str) -> list[int]:
    return encode_batch([text], tiny_tokenizer(), None)[0][0]


def documents(kind: str, **settings: object) -> tuple[list[str], dict[str, int]]:
    counts = ReadCounts()
    found = [document.text for document in load_documents(corpus(kind, **settings), counts)]
    return found, counts.as_dict()


def test_the_form_of_a_text() -> None:
    assert normal(WINDOWS) == PLAIN
    assert normal("\ufeff\ufeffa\ufeffb") == "a\ufeffb"
    assert normal("e\u0301 é ﬁ\u2028\x0b\x0c\x85") == "e\u0301 é ﬁ\u2028\x0b\x0c\x85"


@given(st.text(alphabet=st.sampled_from("\ufeff\r\na é"), max_size=12))
def test_it_is_its_own_form(text: str) -> None:
    once = normal(text)
    assert normal(once) == once
    assert "\r" not in once and not once.startswith("\ufeff")
    assert once.replace("\n", "") == text.lstrip("\ufeff").replace("\r", "").replace("\n", "")


def test_every_way_in_gives_the_same_text_and_the_same_tokens(tmp_path: Path) -> None:
    raw = WINDOWS.encode()
    file, lines, table = (tmp_path / f"a.{ending}" for ending in ("txt", "jsonl", "parquet"))
    file.write_bytes(raw)
    lines.write_bytes(b"\xef\xbb\xbf" + json.dumps({"text": WINDOWS}).encode() + b"\r\n")
    parquet.write_table(pyarrow.table({"text": [WINDOWS]}), table)
    read = {
        "files": documents("files", path=str(file))[0],
        "jsonl": documents("jsonl", path=str(lines))[0],
        "parquet": documents("parquet", path=str(table))[0],
        "datasets": documents("datasets", path="parquet", data_files=str(table))[0],
        "file": [read_text_file(file)],
        "argument": [of_argument(WINDOWS, "It")],
        "stream": [read_stream(io.BytesIO(raw), "It")],
        "caller": [checked(WINDOWS, "It")],
    }
    assert read == {way: [PLAIN] for way in read}
    assert token_ids(WINDOWS, tiny_tokenizer(), "text") == ids(PLAIN)
    context = len(ids(PLAIN)) + 1
    (sequence,) = _measured([WINDOWS], context)
    assert sequence == [BOS, *ids(PLAIN)]


def _measured(texts: list[Any], context: int) -> list[list[int]]:
    sample = sample_of_texts(
        texts, tiny_tokenizer(), context=context, bos_token_id=BOS, vocab_size=400, n_tokens=None,
        max_sequences_per_document=None, seed=0,
    )  # fmt: skip
    return [list(map(int, row)) for row in sample.token_ids]


def test_there_is_no_second_reader() -> None:
    """Whatever handles text reads it through semdim.text.reading; the others named read no text of
    a user: the interpreter's own files (whose encoding each declares), and JSON of ours."""
    allowed = {
        "text/reading.py": "the reader",
        "text/hub.py": "a commit in the cache of a hub",
        "text/kinds/python_source.py": "the standard library",
    }
    root = Path(semdim.__file__).parent
    places = [*root.glob("text/**/*.py"), *root.glob("monitor/*.py"), *root.glob("tokens/*.py")]
    places += [root / "commands" / "monitor.py", root / "measure.py"]
    found = {
        path.relative_to(root).as_posix()
        for path in places
        if re.search(r"read_text\(|read_bytes\(|tokenize\.open|\.decode\(.utf", path.read_text())
    }
    assert found == set(allowed)


def test_texts_that_differ_in_line_ends_alone_are_duplicates(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(WINDOWS.encode())
    (tmp_path / "b.txt").write_bytes(PLAIN.encode())
    found, counts = documents("files", path=str(tmp_path))
    assert found == [PLAIN] and counts["dropped_duplicates"] == 1


def test_half_a_character_leaves_a_document_out_and_is_counted(tmp_path: Path) -> None:
    rows = [{"text": "one"}, {"text": "t\ud83dwo"}, {"text": "three \ud83d\ude00"}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for settings in ({}, {"drop_duplicates": False}):
        found, counts = documents("jsonl", path=str(tmp_path), **settings)
        assert found == ["one", "three 😀"]
        assert counts["dropped_half_characters"] == 1
    alone = tmp_path / "y.jsonl"
    alone.write_text(json.dumps(rows[1]))
    with pytest.raises(DataError, match=r"no document to use \(left out: 1 half_characters\)"):
        documents("jsonl", path=str(alone))


def test_half_a_character_in_a_single_text_is_refused() -> None:
    assert half_character("a😀") is None and half_character("a\ud83d") == 1
    for refused in (
        lambda: _measured(["fine " * 20, "x\udce9"], 8),
        lambda: token_ids("x\udce9", tiny_tokenizer(), "text"),
        lambda: of_argument("x\ud800", "It"),
    ):
        with pytest.raises(DataError, match=r"half a character .* at 1\), which is not UTF-8"):
            refused()
    with pytest.raises(DataError, match="Text 1 is of type bytes, expected text"):
        checked(b"bytes", "Text 1")
    assert of_argument("caf\udcc3\udca9", "It") == "café"


def test_names_are_what_utf8_can_hold(tmp_path: Path) -> None:
    row = {"text": "one", "site": "a\ud800", "name": "\udcffn"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    spec = corpus("jsonl", path=str(tmp_path), name_column="name", source_column="site")
    (document,) = load_documents(spec)
    assert document.source == r"a\ud800" and document.name.startswith(r"\udcffn/")
    assert printable("naïve") == "naïve"


def test_what_is_no_utf8_is_told_by_byte_and_line() -> None:
    with pytest.raises(DataError, match=r"n\.txt is not UTF-8 text: byte 7 is 0xff, on line 2;"):
        text_of(b"a line\n\xff", "n.txt")
    with pytest.raises(DataError, match="byte 12 is 0xff, on line 5"):
        decode(b"a\n\xff", "n", offset=10, line=4)
    with pytest.raises(DataError, match="seems to be UTF-16"):
        text_of("a note".encode("utf-16"), "n.txt")


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("semdim.text.reading.MOST_FILE_BYTES", 1000)
    with pytest.raises(DataError, match="It holds more than"), Path("/dev/zero").open("rb") as zero:
        read_stream(zero, "It")


def test_a_number_or_a_nest_that_json_cannot_hold_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for raw, message in (
        ('{"text": "a", "n": ' + "9" * 5000 + "}", "x.jsonl:2 cannot be read as JSON"),
        ('{"text": "a", "n": ' + "[" * 100_000, "x.jsonl:2 is nested too deeply"),
    ):
        path.write_text('{"text": "a"}\n' + raw + "\n")
        with pytest.raises(DataError, match=message):
            documents("jsonl", path=str(path))


def test_parquet_with_text_that_is_no_utf8(tmp_path: Path) -> None:
    raw = pyarrow.array([b"fine", b"caf\xe9"], pyarrow.binary())
    text = pyarrow.Array.from_buffers(pyarrow.string(), 2, raw.buffers())
    parquet.write_table(pyarrow.table({"text": text}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet holds a text that is not UTF-8"):
        documents("parquet", path=str(tmp_path))
