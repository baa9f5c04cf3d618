"""Nested settings by dotted name, and values in words."""

import json
from collections.abc import Mapping
from typing import Any


def in_words(value: Any) -> str:
    """A value for the console: numbers short, null as a dash, lists without brackets."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float | list | tuple):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def listed(values: Mapping[str, Any]) -> str:
    """Nested values in a line for the console, by name."""
    flat = flattened(values).items()
    return ", ".join(f"{name.replace('_', ' ')} {in_words(value)}" for name, value in flat)


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name; a list is one value, as JSON."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return flat
