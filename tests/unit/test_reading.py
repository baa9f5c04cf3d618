"""The boundary: whatever a file holds, a value comes out or one sentence that names the file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from semdim.errors import ArtifactError, ConfigError, DataError, SemdimError
from semdim.quoting import one_line, visible, why
from semdim.reading import (
    JSON_BYTES,
    number,
    read_bytes,
    read_json,
    read_rows,
    read_yaml,
    reading,
    refused,
    taken,
    whole,
)
from semdim.writing import writing


def refusal(read, path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": NaN}', "NaN is not a number in JSON"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "4300 digits"),
        (b'{"a": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"a": "\xff"}', "byte 0xff at offset 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        (b"[1]", "it holds a list"),
        (b"null", "it holds None"),
        (b"7", "it holds 7"),
    ],
)
def test_what_is_no_json_object_is_refused_with_its_reason(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    assert reason in refusal(read_json, path)


def test_json_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + '{"α": [1, 2.5, null]}'.encode())
        assert read_json(path) == {"α": [1, 2.5, None]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: [", "while parsing"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("a: &x [*x]", "an alias contains itself"),
        ("a: " + "9" * 5_000, "4300 digits"),
        ("a: 2001-99-99", "month must be in"),
        ("? [a]\n: 1", "unhashable"),
        ("1: a", "its key 1 is not a string"),
        ("- a", "it holds a list"),
        ("", "it holds None"),
        ("a: " + "[" * 3_000, "nested too deeply"),
        ("\x1b", "special characters are not allowed"),
    ],
)
def test_what_are_no_settings_is_refused_with_its_reason(
    content: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="utf-8")
    assert reason in refusal(read_yaml, path)


def test_aliases_that_multiply_are_refused_and_few_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
    path.write_text("\n".join(lines))
    assert "1,000,000 values" in refusal(read_yaml, path)
    path.write_text("a: &x [1, 2]\nb: *x\n")
    assert read_yaml(path) == {"a": [1, 2], "b": [1, 2]}


def test_only_regular_files_of_a_stated_size_are_read(tmp_path: Path) -> None:
    pipe, link, large = tmp_path / "pipe", tmp_path / "memory.json", tmp_path / "large.json"
    os.mkfifo(pipe)
    link.symlink_to("/proc/self/mem")
    with large.open("wb") as stream:
        stream.truncate(JSON_BYTES + 1)  # sparse
    assert "not a regular file" in refusal(read_json, pipe)  # and does not wait for a writer
    assert "not a regular file" in refusal(read_json, Path("/dev/zero"))
    assert "larger than the 262,144 KiB" in refusal(read_json, large)
    assert "Is a directory" in refusal(read_json, tmp_path)
    assert "No such file" in refusal(read_json, tmp_path / "none")
    assert "Not a directory" in refusal(read_json, large / "below")
    refusal(read_json, link)
    with pytest.raises(ArtifactError, match="null"):
        read_json("a\0b")


def test_a_file_that_says_it_is_empty_is_read_to_the_limit(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="larger"):
        read_bytes("/proc/self/maps", "a text", limit=10)


def test_the_rows_of_a_table_are_as_long_as_its_header(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"x\ny"\n')
    assert read_rows(path) == [{"a": "1", "b": "x\ny"}]
    path.write_text("a,b\n1,2\n1,2,3\n")
    assert "row 2 has more cells" in refusal(read_rows, path)
    path.write_text("a\n" + "x" * 200_000)
    assert "field larger than field limit" in refusal(read_rows, path)


def test_a_value_of_a_file_is_of_its_kind_or_named() -> None:
    content = {"a": 1, "b": True, "c": 10**400, "d": None}
    assert taken(content, "a", number, "x.json") == 1.0
    assert taken(content, "a", whole, "x.json") == 1
    for key in ("b", "c", "d"):
        with pytest.raises(ArtifactError, match=f"x.json has {key} = .*expected a finite number"):
            taken(content, key, number, "x.json")
    with pytest.raises(ArtifactError, match="has no 'e', expected a whole number"):
        taken(content, "e", whole, "x.json")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("two\nlines"), MemoryError(), RecursionError("x"), OverflowError("too large"),
        KeyError("d_in"), PermissionError(13, "Permission denied"), Exception("plain"),
        RuntimeError("Error(s) in loading state_dict for X:\n\tsize mismatch for W_enc"),
    ],
)  # fmt: skip
def test_whatever_a_library_raises_becomes_one_error_of_the_kind_asked_for(
    error: Exception,
) -> None:
    with pytest.raises(DataError) as caught, reading("x.gguf", "a model", "get it", DataError):
        raise error
    assert caught.value.__cause__ is error
    assert str(caught.value).startswith("x.gguf cannot be read as a model: ")
    assert str(caught.value).endswith("; get it.") and "\n" not in str(caught.value)
    assert "size mismatch for W_enc" in str(caught.value) or "state_dict" not in str(error)


def test_our_own_errors_and_interruptions_pass() -> None:
    for own in (ConfigError("ours"), KeyboardInterrupt(), SystemExit(2)):
        with pytest.raises(type(own)), reading("x", "y"):
            raise own


def test_messages_are_whole_up_to_a_length_and_never_obeyed_by_a_terminal() -> None:
    assert why(ValueError("a\n  b")) == "a b"
    assert visible("a\x1b[31m\u202eb\ud800") == "a\\x1b[31m\\u202eb\\ud800"
    assert visible("a\nb", keep="\n") == "a\nb"
    assert 1_990 < len(one_line("x" * 10_000)) <= 2_000
    assert isinstance(refused("a\x1b", "b", "c"), SemdimError)
    assert "\x1b" not in str(refused("a\x1b", "b", "c"))


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "child", tmp_path / "none" / "x", Path("a\0b")):
        with pytest.raises(ConfigError, match="cannot be written"), writing(path):
            path.write_text("x")
    with pytest.raises(ConfigError, match="No space left"), writing("/dev/full"):
        Path("/dev/full").write_text("x" * 100_000)


def test_the_boundary_is_light() -> None:
    code = "import sys, semdim.reading; print({'torch', 'yaml', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
