"""What a single value of the settings must be: by rule, and in words (see `semdim.fields`)."""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_LONGEST = 60
"""Characters of a refused value that a message repeats."""
MOST_ENTRIES = 1000
"""Entries of a list, where no other limit is set: a grid of more is a slip of the keyboard."""


@dataclass(frozen=True)
class Rules:
    """What must hold of a value beside its type."""

    above: int | float | None = None
    at_least: int | float | None = None
    below: int | float | None = None
    at_most: int | float | None = None
    """Range of a number, or of each number of a list."""
    because: str = ""
    """Why there is an upper limit: completes the message "must be ..., since ..."."""
    choices: tuple[Any, ...] = ()
    """The values that are possible, where the annotation does not say it."""
    one_is_a_list: bool = False
    """A single value stands for a list of one."""
    ascending: bool = False
    """A list ascends without repeats."""
    distinct: bool = False
    """A list holds no value twice."""
    not_empty: bool = False
    """A list, a text, or a mapping of settings is not empty."""
    not_blank: bool = False
    """No text of a list is empty, though the list may be."""
    most_entries: int = MOST_ENTRIES
    """A list holds no more entries."""
    complete: bool = False
    """Settings whose defaults stand in another file: every one of them must be given."""


def expected(annotation: Any, rules: Rules) -> str:
    """What a value must be, in words."""
    if is_optional(annotation):
        return f"{expected(unwrapped(annotation), rules)}, or null"
    if get_origin(annotation) is tuple:
        return f"a list, each entry {expected(get_args(annotation)[0], rules)}"
    choices = get_args(annotation) if get_origin(annotation) is Literal else rules.choices
    if choices:
        return f"one of {', '.join(map(spelled, choices))}"
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _range(rules)
    if annotation is str:
        return "a text that is not empty" if rules.not_empty or rules.not_blank else "a text"
    return "true or false" if annotation is bool else "a mapping of settings"


def _range(rules: Rules) -> str:
    low, high = rules.at_least, rules.at_most
    if rules.above is not None and rules.below is not None:
        return f" strictly between {rules.above} and {rules.below}"
    if low is not None and high is not None:
        return f" between {low:,} and {high:,}"
    limits = {
        "above": rules.above,
        "of at least": low,
        "below": rules.below,
        "at most": high,
    }
    words = [f"{word} {limit:,}" for word, limit in limits.items() if limit is not None]
    return " " + " and ".join(words) if words else ""


def show(value: Any) -> str:
    """A refused value, cut where it is long."""
    if value is None:
        return "null"  # as YAML spells it
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def spelled(choice: Any) -> str:
    """A choice as YAML spells it."""
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def is_optional(annotation: Any) -> bool:
    """Whether it is ``X | None``."""
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def unwrapped(annotation: Any) -> Any:
    """The X of ``X | None``."""
    (inner,) = (kind for kind in get_args(annotation) if kind is not NoneType)
    return inner
