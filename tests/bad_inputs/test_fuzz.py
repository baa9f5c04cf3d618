"""Every reader on mutated copies of its file: a `SemdimError` or success, never another exception.

A few examples of each kind here; many with ``SEMDIM_FUZZ=1000`` (examples of each kind).
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semdim.errors import SemdimError
from tests.bad_inputs import files
from tests.bad_inputs.case import command

EXAMPLES = int(os.environ.get("SEMDIM_FUZZ", "4"))
#: Kinds whose reader imports transformers or SAELens once a file is JSON: half a minute.
HEAVY = () if "SEMDIM_FUZZ" in os.environ else ("cfg.json", "config.json")
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
BYTES = sorted(kind.name for kind in files.KINDS if kind.name not in HEAVY)
OBJECTS = sorted(kind.name for kind in files.KINDS if kind.damages is files.OF_JSON)
BY_NAME = {kind.name: kind for kind in files.KINDS}
#: Values that a place of a JSON file may hold instead of its own.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from([10**400, -(10**400), 1e308, "", "NaN", "\0", "\x1b[31m", "../.."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=3),
    max_leaves=4,
)  # fmt: skip


def read(kind: files.Kind, raw: bytes) -> None:
    """Read a file of a kind in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind.name.split("/")[-1]
        path.write_bytes(raw)
        try:
            kind.read(path)
        except SemdimError as error:
            assert "\n" not in str(error) and len(str(error)) > 20


@pytest.mark.parametrize("name", BYTES)
def test_a_file_of_changed_bytes_is_read_or_refused(name: str) -> None:
    kind = BY_NAME[name]
    whole = kind.whole()[:20_000]

    @FUZZ
    @given(st.data())
    def mutate(data: st.DataObject) -> None:
        raw = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(raw)))
            length = data.draw(st.integers(0, 40))
            match data.draw(st.sampled_from(("cut", "remove", "insert", "replace", "repeat"))):
                case "cut":
                    del raw[at:]
                case "remove":
                    del raw[at : at + length]
                case "insert":
                    raw[at:at] = data.draw(st.binary(max_size=8))
                case "replace":
                    raw[at : at + length] = data.draw(st.binary(max_size=40))
                case "repeat":
                    raw[at:at] = raw[at : at + length] * data.draw(st.integers(1, 50))
        read(kind, bytes(raw))

    mutate()


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_with_other_values_is_read_or_refused(name: str) -> None:
    kind = BY_NAME[name]
    text = kind.whole().decode()
    places = list(_places(json.loads(text)))

    @FUZZ
    @given(st.data())
    def mutate(data: st.DataObject) -> None:
        content = json.loads(text)
        for _ in range(data.draw(st.integers(1, 2))):
            *path, last = data.draw(st.sampled_from(places))
            inside = content
            try:
                for step in path:
                    inside = inside[step]
                if data.draw(st.booleans()) and isinstance(inside, dict):
                    inside.pop(last, None)
                    inside[data.draw(st.text(max_size=5))] = data.draw(VALUES)
                else:
                    inside[last] = data.draw(VALUES)
            except (KeyError, IndexError, TypeError):
                continue  # the first change took this place away
        read(kind, json.dumps(content).encode())

    mutate()


NUMBERS = st.one_of(
    st.integers(-2, 12), st.integers(-(10**40), 10**40), st.floats(),
    st.sampled_from(["", "nan", "-inf", "1e400", "9" * 400, "0x10", "١"]),
).map(str)  # fmt: skip


@FUZZ
@given(
    st.lists(st.tuples(st.sampled_from((
        "vocab-size", "smoothing", "n-active", "dict-size", "n-tokens", "failure-prob",
        "proxy-risk", "gap", "model-risk", "n-documents",
    )), NUMBERS), max_size=10)
)  # fmt: skip
def test_the_calculator_answers_or_refuses(options: list[tuple[str, str]]) -> None:
    arguments = [f"--{name}={value}" for name, value in options]
    with contextlib.suppress(SemdimError):
        command("bound", *arguments, "--json")


@FUZZ
@given(st.sampled_from(("summary", "compare", "bound", "plan", "init")), st.text(max_size=12))
def test_a_command_with_any_name_answers_or_refuses(name: str, path: str) -> None:
    arguments = {
        "bound": ("--from",), "plan": ("--params",), "compare": (str(files.PROBE), "--no-figure"),
    }.get(name, ())  # fmt: skip
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.suppress(SemdimError):
                if name in ("bound", "plan"):
                    command(name, *arguments, path)
                else:
                    command(name, *arguments, "--", path)
        finally:
            os.chdir(before)


def _places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in an object; of long lists the first ones."""
    if path:
        yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _places(value, (*path, key))
    elif isinstance(content, list):
        for index, value in enumerate(content[:5]):
            yield from _places(value, (*path, index))
