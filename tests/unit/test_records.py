"""Records: what is written is read back, what does not fit is named, and the schema says it all."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from record_schema import complaints

from semdim.errors import ArtifactError
from semdim.records import added, field_docs, from_plain, json_schema, read_record, write_record


@dataclass(frozen=True)
class Part:
    """A part of it."""

    rate: float
    """A rate, in
    [0, 1]."""
    low: float | None


@dataclass(frozen=True)
class BigPart(Part):
    """A part with more to it."""

    pair: tuple[int, str]
    """A number and its name."""


@dataclass(frozen=True)
class Whole:
    """A whole."""

    SCHEMA: ClassVar[str] = "whole/2"

    name: str
    """What it is called."""
    kind: Literal["id", "far"]
    n: int
    is_good: bool
    parts: dict[str, BigPart]
    """By corpus."""
    notes: tuple[str, ...]
    part: Part | None
    either: int | str
    by_level: dict[Literal["token", "mean"], float]


PART = BigPart(0.5, None, (3, "c"))
WHOLE = Whole(
    "naïve", "id", 7, True, {"b": PART, "a": replace(PART, low=0.25)}, ("x", "y"), Part(1.0, 0.0),
    "s", {"mean": 2.0, "token": 1.5},
)  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "whole.json"
    write_record(path, WHOLE)
    assert read_record(path, Whole) == WHOLE
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    assert list(content)[:4] == ["schema", "name", "kind", "n"]
    assert content["schema"] == "whole/2" and list(content["parts"]) == ["b", "a"]
    assert "naïve" in text and text.endswith("}\n")
    write_record(path, read_record(path, Whole))
    assert path.read_text(encoding="utf-8") == text
    assert [found.name for found in path.parent.iterdir()] == ["whole.json"]


def test_a_whole_number_is_a_float_where_one_is_meant(tmp_path: Path) -> None:
    write_record(tmp_path / "a.json", replace(WHOLE, by_level={"token": 3}))
    assert '"token": 3.0' in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n": 1.0}, "n is 1.0, expected a whole number"),
        ({"n": True}, "n is True, expected a whole number"),
        ({"is_good": 1}, "is_good is 1, expected true or false"),
        ({"kind": "near"}, "kind is 'near', expected one of 'id', 'far'"),
        ({"by_level": {"token": float("nan")}}, "by_level.token is nan, expected a finite number"),
        ({"by_level": {"max": 1.0}}, "by_level.max is 'max', expected one of 'token', 'mean'"),
        ({"by_level": [1.0]}, "by_level is a list, expected an object"),
        ({"parts": {"a": {"rate": 1.0, "low": None}}}, "parts.a.pair is missing, expected a list"),
        ({"parts": {"a": None}}, "parts.a is None, expected an object"),
        ({"part": {"rate": float("inf"), "low": None}}, "part.rate is inf"),
        (
            {"part": {"rate": 1.0, "low": None, "x": 2}},
            "part.x is unknown, expected only rate",
        ),
        ({"notes": ["x", 3]}, r"notes\[1\] is 3, expected a string"),
        ({"notes": "xy"}, "notes is 'xy', expected a list"),
        ({"either": 1.5}, "either is 1.5, expected a whole number or a string"),
        ({"more": 1}, "more is unknown"),
        ({"name": None}, "name is None, expected a string"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = tmp_path / "whole.json"
    write_record(path, WHOLE)
    assert not complaints(json.loads(path.read_text()), json_schema(Whole))
    broken = json.loads(path.read_text()) | changed
    path.write_text(json.dumps(broken))
    with pytest.raises(ArtifactError, match=message) as caught:
        read_record(path, Whole)
    assert str(path) in str(caught.value) and "make repro" in str(caught.value)
    is_finite = "NaN" not in json.dumps(broken) and "Infinity" not in json.dumps(broken)
    assert bool(complaints(broken, json_schema(Whole))) == is_finite  # JSON knows no NaN


def test_a_pair_of_another_length_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"there does not fit.*pair is a list, expected 2"):
        from_plain({"rate": 1.0, "low": None, "pair": [1]}, BigPart, "there")


def test_a_missing_file_another_version_and_no_json_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    with pytest.raises(ArtifactError, match=r"There is no .*whole.json; `make repro`"):
        read_record(path, Whole)
    for content, message in (
        ("{", "cannot be read"),
        ("[]", "it holds a list"),
        ("{}", "names no schema, but this version of semdim reads 'whole/2'"),
        ('{"schema": "whole/1"}', "is of the schema 'whole/1'"),
    ):
        path.write_text(content)
        with pytest.raises(ArtifactError, match=message):
            read_record(path, Whole)


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    with pytest.raises(ArtifactError, match=r"whole.json cannot be written: by_level.token is nan"):
        write_record(path, replace(WHOLE, by_level={"token": float("nan")}))
    assert not path.exists()
    write_record(path, WHOLE)
    before = path.read_text()
    with pytest.raises(ArtifactError, match="n is None"):
        write_record(path, replace(WHOLE, n=None))
    assert path.read_text() == before


def test_a_field_that_was_added_is_read_where_files_lack_it(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Grown:
        SCHEMA: ClassVar[str] = "grown/1"

        name: str
        back_end: str = added("old")
        note: str = "a default alone leaves a field required"

    grown = {"name": "a", "back_end": "new", "note": "b"}
    assert from_plain(grown, Grown, "It") == Grown("a", "new", "b")
    assert from_plain({"name": "a", "note": "b"}, Grown, "It") == Grown("a", "old", "b")
    with pytest.raises(ArtifactError, match="note is missing"):
        from_plain({"name": "a"}, Grown, "It")
    with pytest.raises(ArtifactError, match="back_end is 3, expected a string"):
        from_plain(grown | {"back_end": 3}, Grown, "It")


def test_the_schema_describes_every_field() -> None:
    schema = json_schema(Whole)
    assert schema["$schema"].endswith("2020-12/schema") and schema["description"] == "A whole."
    assert schema["properties"]["schema"] == {"const": "whole/2"}
    assert schema["required"] == list(schema["properties"])
    assert schema["properties"]["name"] == {"type": "string", "description": "What it is called."}
    assert set(schema["$defs"]) == {"Part", "BigPart"}
    big = schema["$defs"]["BigPart"]["properties"]
    assert list(big) == ["rate", "low", "pair"] and big["rate"]["description"].endswith("[0, 1].")
    assert field_docs(BigPart) == {"rate": "A rate, in [0, 1].", "pair": "A number and its name."}
    json.dumps(schema)


def test_records_load_neither_tensors_nor_tables() -> None:
    code = "import sys, semdim.records; print({'torch', 'pandas', 'hydra'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
