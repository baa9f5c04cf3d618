"""Typed results as JSON files: one pair of functions writes and reads them, one gives the schema.

A *record* is a frozen dataclass whose fields are strings, booleans, whole numbers, finite floats,
``Literal`` strings, optional values, tuples, dicts with string keys, and further dataclasses. What
is read is checked as strictly as what is written: an unknown key, a missing one, a value of another
type, NaN or infinity is an error that names the file and the key.

The outermost class says what it is by ``SCHEMA: ClassVar[str]``, a name and a version such as
``guardrail/1``, which stands first in the file under ``schema``. A field that changes its meaning
raises the version, so that a file of another version is refused and not misread. One that is new
and tells what went without saying is `added`: older files are read with its default. Where one
stage writes the file, ``WRITTEN_BY: ClassVar[str]`` names the command that a refusal recommends.
"""

import ast
import inspect
import json
import math
import textwrap
from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from semdim.artifacts.shards import write_atomically
from semdim.errors import ArtifactError
from semdim.reading import read_json

Record = TypeVar("Record")
Value = TypeVar("Value")

KEY = "schema"
"""The key of the file that names the schema; no field may be called so."""

_SCALARS: dict[Any, tuple[str, str]] = {
    str: ("a string", "string"),
    bool: ("true or false", "boolean"),
    int: ("a whole number", "integer"),
    float: ("a finite number", "number"),
    NoneType: ("null", "null"),
}
"""For messages, and for JSON Schema."""


def added(default: Value) -> Value:
    """Default of a field that files written before it was added lack; they are read with it."""
    value: Value = field(default=default, metadata={"added": True})
    return value


class _Wrong(Exception):
    """A value that does not fit its type; the message begins with its key."""


def write_record(path: Path, value: Any) -> None:
    """Write a record as JSON, whole or not at all; keys in the order of the fields.

    Raises ``ArtifactError``, and writes nothing, when a value does not fit the type of its field.
    """
    try:
        # Read back what will be written: whatever is written can be read.
        content = to_plain(_decode(to_plain(value), type(value), ""))
    except _Wrong as wrong:
        raise ArtifactError(f"{path} cannot be written: {wrong}.") from None
    text = json.dumps(
        {KEY: _schema_of(type(value)), **content}, indent=2, ensure_ascii=False, allow_nan=False
    )
    write_atomically(path, text + "\n")


def read_record(path: Path, cls: type[Record]) -> Record:
    """The record of type ``cls`` in a JSON file that ``write_record`` wrote.

    Raises ``ArtifactError`` when the file is missing, no JSON, of another schema or version, or
    when a key is unknown, missing, or holds a value of another type.
    """
    remedy = getattr(cls, "WRITTEN_BY", "`make repro`")
    if not path.exists():
        raise ArtifactError(f"There is no {path}; `make repro` writes it.")
    raw = read_json(path, advice=f"{remedy} writes it again", finite=False)
    return from_content(raw, cls, str(path))


def from_content(content: Any, cls: type[Record], where: str) -> Record:
    """The record in the content of a file, its schema among it.

    Raises ``ArtifactError`` as ``read_record``; its message names the file as ``where``.
    """
    schema = _schema_of(cls)
    remedy = getattr(cls, "WRITTEN_BY", "`make repro`")
    found = content.get(KEY) if isinstance(content, dict) else None
    if found != schema:
        said = "names no schema" if found is None else f"is of the schema {_short(found)}"
        raise ArtifactError(
            f"{where} {said}, but this version of semdim reads {schema!r}; {remedy} writes that."
        )
    fields_alone = {name: value for name, value in content.items() if name != KEY}
    return from_plain(fields_alone, cls, where)


def to_plain(value: Any) -> Any:
    """Dataclasses as dicts and tuples as lists, all the way down; everything else as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def from_plain(value: Any, cls: type[Record], where: str) -> Record:
    """A record from dicts and lists. Raises ``ArtifactError`` that names ``where`` and the key."""
    try:
        record: Record = _decode(value, cls, "")
    except _Wrong as wrong:
        raise ArtifactError(
            f"{where} does not fit this version of semdim: {wrong}; `make repro` writes it again."
        ) from None
    return record


def _decode(value: Any, kind: Any, key: str) -> Any:
    """``value`` as the type ``kind``; ``key`` is where it stands."""
    origin, options = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _decode_fields(value, kind, key)
    if kind is Any:
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value):
            return float(value)
    elif kind in _SCALARS:
        if type(value) is kind:
            return value
    elif origin is Literal:
        if any(type(value) is type(option) and value == option for option in options):
            return value
    elif origin in (Union, UnionType):
        return _decode_union(value, options, key)
    elif origin is tuple:
        items = value if isinstance(value, list) else _refuse(key, value, "a list")
        if options[-1] is ...:
            options = (options[0],) * len(items)
        if len(items) != len(options):
            _refuse(key, value, f"{len(options)} items")
        return tuple(
            _decode(item, option, f"{key}[{index}]")
            for index, (item, option) in enumerate(zip(items, options, strict=True))
        )
    elif origin is dict:
        found = value if isinstance(value, dict) else _refuse(key, value, "an object")
        of_key, of_value = options
        return {
            _decode(name, of_key, _below(key, name)): _decode(item, of_value, _below(key, name))
            for name, item in found.items()
        }
    else:
        raise TypeError(f"{kind!r} cannot be a field of a record")
    return _refuse(key, value, _describe(kind))


def _decode_union(value: Any, options: tuple[Any, ...], key: str) -> Any:
    present = [option for option in options if option is not NoneType]
    if value is None and len(present) < len(options):
        return None
    if len(present) == 1:  # its own message says what is wrong inside
        return _decode(value, present[0], key)
    for option in present:
        try:
            return _decode(value, option, key)
        except _Wrong:
            continue
    return _refuse(key, value, " or ".join(map(_describe, options)))


def _decode_fields(value: Any, cls: Any, key: str) -> Any:
    if not isinstance(value, dict):
        _refuse(key, value, f"an object ({cls.__name__})")
    kinds = _kinds(cls)
    later = _added(cls)
    value = {name: default for name, default in later.items() if name not in value} | value
    if missing := [name for name in kinds if name not in value]:
        kind = _describe(kinds[missing[0]])
        raise _Wrong(f"{_below(key, missing[0])} is missing, expected {kind}")
    if unknown := [str(name) for name in value if name not in kinds]:
        raise _Wrong(f"{_below(key, unknown[0])} is unknown, expected only {', '.join(kinds)}")
    return cls(
        **{name: _decode(value[name], kind, _below(key, name)) for name, kind in kinds.items()}
    )


def _refuse(key: str, value: object, expected: str) -> Any:
    raise _Wrong(f"{key or 'the whole'} is {_short(value)}, expected {expected}")


def _below(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _kinds(cls: Any) -> dict[str, Any]:
    """Type of each field."""
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def _added(cls: Any) -> dict[str, Any]:
    """Defaults of the fields that `added` made."""
    return {item.name: item.default for item in fields(cls) if item.metadata.get("added")}


def _schema_of(cls: Any) -> str:
    name: str = cls.SCHEMA
    return name


def _describe(kind: Any) -> str:
    if kind in _SCALARS:
        return _SCALARS[kind][0]
    options = get_args(kind)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, options))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(_describe, options))
    return "a list" if get_origin(kind) is tuple else "an object"


def _short(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def json_schema(cls: type) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the files that hold a record of this type.

    Descriptions are the docstrings under the fields. Each nested dataclass stands under ``$defs``.
    """
    nested: dict[str, Any] = {}
    schema = _object_schema(cls, nested)
    schema["properties"] = {KEY: {"const": _schema_of(cls)}, **schema["properties"]}
    schema["required"] = [KEY, *schema["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.__name__,
        **schema,
        "$defs": dict(sorted(nested.items())),
    }


def _object_schema(cls: Any, nested: dict[str, Any]) -> dict[str, Any]:
    texts = field_docs(cls)
    properties = {}
    for name, kind in _kinds(cls).items():
        properties[name] = _value_schema(kind, nested)
        if name in texts:
            properties[name]["description"] = texts[name]
    return {
        "type": "object",
        "description": inspect.cleandoc(cls.__doc__ or ""),
        "properties": properties,
        "required": [name for name in properties if name not in _added(cls)],
        "additionalProperties": False,
    }


def _value_schema(kind: Any, nested: dict[str, Any]) -> dict[str, Any]:
    origin, options = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        name = getattr(kind, "__name__", "")
        if name not in nested:
            nested[name] = {}  # before its fields: a type may hold itself
            nested[name] = _object_schema(kind, nested)
        return {"$ref": f"#/$defs/{name}"}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind][1]}
    if origin is Literal:
        return {"enum": list(options)}
    if origin in (Union, UnionType):
        return {"anyOf": [_value_schema(option, nested) for option in options]}
    if origin is tuple and options[-1] is ...:
        return {"type": "array", "items": _value_schema(options[0], nested)}
    if origin is tuple:
        items = [_value_schema(option, nested) for option in options]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if origin is dict:
        found = {"type": "object", "additionalProperties": _value_schema(options[1], nested)}
        names = {} if options[0] is str else {"propertyNames": _value_schema(options[0], nested)}
        return found | names
    raise TypeError(f"{kind!r} cannot be a field of a record")


def field_docs(cls: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, those of its base classes too, on one line."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not is_dataclass(base):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for entry, text in pairwise(body):
            if not isinstance(entry, ast.AnnAssign) or not isinstance(entry.target, ast.Name):
                continue
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                texts[entry.target.id] = " ".join(str(text.value.value).split())
    return texts
