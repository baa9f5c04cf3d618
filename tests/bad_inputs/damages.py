"""What happens to files: damages of bytes, and what may stand in a file's place."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[bytes], bytes]

#: Of files that hold text of any kind.
TEXT: dict[str, Damage] = {
    "empty": lambda raw: b"",
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "with a byte that is not UTF-8": lambda raw: raw[:5] + b"\xff" + raw[6:],
    "in UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "compressed": gzip.compress,
    "of zeros": lambda raw: bytes(len(raw)),
}
#: Of JSON files, beside those.
JSON: dict[str, Damage] = {
    "a page of HTML": lambda raw: b"<!DOCTYPE html><html><body>404</body></html>",
    "a list": lambda raw: b"[1, 2]",
    "null": lambda raw: b"null",
    "a number": lambda raw: b"12",
    "a string": lambda raw: b'"text"',
    "an empty object": lambda raw: b"{}",
    "another's object": lambda raw: b'{"name": "left-pad", "version": "1.0.0"}',
    "nested 100,000 deep": lambda raw: b'{"a": ' + b"[" * 100_000,
    "with a number of 5,000 digits": lambda raw: b'{"a": ' + b"9" * 5_000 + b", " + raw[1:],
    "with a comment": lambda raw: b"// settings\n" + raw,
    "with a comma too many": lambda raw: raw.rstrip()[:-1] + b",}",
    "twice": lambda raw: raw + raw,
}
#: Of YAML files, beside those of text.
YAML: dict[str, Damage] = {
    "a list": lambda raw: b"- a\n- b\n",
    "null": lambda raw: b"~\n",
    "a word": lambda raw: b"text\n",
    "an empty mapping": lambda raw: b"{}\n",
    "with a tag that would run code": lambda raw: (
        raw + b"\nx: !!python/object/apply:os.getcwd []\n"
    ),
    "with a tab": lambda raw: b"a:\n\tb: 1\n",
    "nested 3,000 deep": lambda raw: b"a: " + b"[" * 3_000,
    "with a number of 5,000 digits": lambda raw: b"a: " + b"9" * 5_000 + b"\n" + raw,
    "with aliases that multiply": lambda raw: _aliases(),
    "with an alias in itself": lambda raw: b"a: &x [*x]\n",
    "with whole numbers as names": lambda raw: b"1: a\n" + raw,
    "with an unclosed quote": lambda raw: b'a: "b\n' + raw,
    "with two documents": lambda raw: raw + b"\n---\n" + raw,
    # Before a colon, so that the last line is no entry: half of a mapping may be a whole one.
    "cut in half": lambda raw: raw[: raw.rindex(b":", 0, len(raw) // 2)],
    "larger than 256 KiB": lambda raw: raw + b"\n# " + b"x" * (1 << 18),
    "with an escape sequence": lambda raw: b"a: \x1b[31m\n" + raw,
}
#: Of tables in CSV, beside those of text (a table cut in half may end at the end of a row).
CSV: dict[str, Damage] = {
    "a header alone": lambda raw: raw.split(b"\n")[0] + b"\n",
    "another's table": lambda raw: b"a,b\n1,2\n",
    "a page of HTML": lambda raw: b"<!DOCTYPE html><html><body>404</body></html>",
    "with a cell too many": lambda raw: raw.rstrip() + b",1,2\n",
    "with a header two cells short": lambda raw: raw.split(b",", 2)[2],
    "with semicolons": lambda raw: raw.replace(b",", b";"),
    "with tabs": lambda raw: raw.replace(b",", b"\t"),
    "with an unclosed quote": lambda raw: raw.rstrip() + b'\n"abc',
}
#: Of files that hold numbers in binary.
BINARY: dict[str, Damage] = {
    "empty": lambda raw: b"",
    "of one byte": lambda raw: raw[:1],
    "cut in half": lambda raw: raw[: len(raw) // 2],
    "without its first byte": lambda raw: raw[1:],
    "a page of HTML": lambda raw: b"<!DOCTYPE html><html><body>404</body></html>",
    "a pointer of Git LFS": lambda raw: b"version https://git-lfs.github.com/spec/v1\nsize 3\n",
    "of zeros": lambda raw: bytes(len(raw)),
    "of ones": lambda raw: b"\xff" * len(raw),
}


def _aliases() -> bytes:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "\n".join(lines).encode()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(5 << 30)


#: What stands where a file is expected.
PLACES: dict[str, Callable[[Path], None]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe without a writer": _pipe,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to memory": lambda path: path.symlink_to("/proc/self/mem"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a file of 5 GiB": _sparse,
}
