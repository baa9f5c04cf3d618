"""The one reader of settings: plain values in, a checked dataclass out, one sentence otherwise.

A settings class is a frozen dataclass. Its annotations say what a value is: int, float, bool, str,
``Literal``, ``X | None``, ``tuple[X, ...]``, ``dict[str, X]``, another settings class, or Any. What
else must hold of one value stands beside it, in `setting`. What must hold between several is the
class's own to say, in ``__post_init__``, by raising `SettingError`.
"""

import difflib
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from semdim.errors import ConfigError

Spec = TypeVar("Spec")

LARGEST_SEED = 2**63 - 1
"""The largest seed that every generator takes."""
_LONGEST = 60
"""Characters of a refused value that a message repeats."""


class SettingError(ConfigError):
    """A setting, named by its key, that is not possible.

    Raise it in ``__post_init__`` with the place where the settings usually stand; `read` puts the
    place where they do stand before it instead.
    """

    def __init__(self, where: str, text: str) -> None:
        super().__init__(_place(where, text))
        self.text = text


@dataclass(frozen=True)
class Rules:
    """What must hold of a value beside its type."""

    above: int | float | None = None
    at_least: int | float | None = None
    below: int | float | None = None
    at_most: int | float | None = None
    """Range of a number, or of each number of a list."""
    choices: tuple[Any, ...] = ()
    """The values that are possible, where the annotation does not say it."""
    one_is_a_list: bool = False
    """A single value stands for a list of one."""
    ascending: bool = False
    """A list ascends without repeats."""
    distinct: bool = False
    """A list holds no value twice."""
    not_empty: bool = False
    """A list, or a text, is not empty."""


def setting(default: Any = MISSING, **rules: Any) -> Any:
    """A field of a settings class: its default (none: it must be given), and its `Rules`."""
    return field(default=default, metadata={"rules": Rules(**rules)})


class ByKind:
    """Settings whose class depends on the setting ``kind``, as corpora do."""

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """All kinds."""
        raise NotImplementedError

    @classmethod
    def class_of(cls, kind: str) -> type[Any]:
        """The settings class of one of them."""
        raise NotImplementedError


def names(cls: Any) -> tuple[str, ...]:
    """The settings of a settings class, in order."""
    return tuple(entry.name for entry in fields(cls))


def read(cls: type[Spec], settings: Any, where: str) -> Spec:
    """The settings as their class.

    null means the default, or None where the annotation allows it. Whole numbers may be written
    1000.0, and fractions 1; true, false and texts are never numbers.

    Args:
        settings: a mapping, as YAML or JSON give it.
        where: what the settings are called, such as ``bound``; "" for all of a file.

    Raises:
        ConfigError: a setting is unknown, missing, of the wrong type, or out of range; or two
            contradict each other. The message names it as ``<where>.<key>``.
    """
    name = where or "The file"
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{name} = {_show(settings)} must be settings by name.")
    chosen: Any = _class_of_kind(cls, settings, where) if issubclass(cls, ByKind) else cls
    known = names(chosen)
    unknown = [str(key) for key in settings if key not in known]
    if unknown:
        raise ConfigError(
            f"{name} has no setting {', '.join(map(repr, unknown))}; it knows "
            f"{', '.join(known)}.{suggestion(unknown[0], known)}"
        )
    kept: dict[str, Any] = {}
    missing = []
    for entry in fields(chosen):
        annotation, rules = _hints(chosen)[entry.name], _rules(entry)
        value = settings.get(entry.name)
        if value is not None or (entry.name in settings and _is_optional(annotation)):
            kept[entry.name] = _value(annotation, rules, value, where, entry.name)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            missing.append(f"{entry.name} ({_expected(annotation, rules)})")
    if missing:
        raise ConfigError(f"{name} lacks {', '.join(missing)}.")
    try:
        made: Spec = chosen(**kept)
        return made
    except SettingError as error:
        raise SettingError(where, error.text) from None


def check(spec: Any, where: str) -> None:
    """Check every value of settings that were built in Python; for ``__post_init__``.

    Raises:
        SettingError: a value that its annotation or its rules do not allow.
    """
    kind: Any = type(spec)
    hints = _hints(kind)
    for entry in fields(spec):
        value = getattr(spec, entry.name)
        _value(hints[entry.name], _rules(entry), value, where, entry.name)


def suggestion(name: str, known: Sequence[str]) -> str:
    """`` Did you mean 'x'?``, or nothing."""
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _class_of_kind(cls: type[ByKind], settings: Mapping[Any, Any], where: str) -> type[Any]:
    kinds, kind = cls.kinds(), settings.get("kind")
    if kind is None:
        raise ConfigError(f"{where or 'The file'} lacks kind (one of {', '.join(kinds)}).")
    _choice(kinds, kind, where, "kind")
    return cls.class_of(kind)


def _value(annotation: Any, rules: Rules, value: Any, where: str, key: str) -> Any:
    """The value in the type that is asked for. SettingError names ``<where>.<key>``."""
    if annotation is Any:
        return value
    if _is_optional(annotation):
        return None if value is None else _value(_inner(annotation), rules, value, where, key)
    if get_origin(annotation) is tuple:
        return _list(annotation, rules, value, where, key)
    if get_origin(annotation) is dict:
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise _refused(where, key, value, _expected(annotation, rules))
        place = _place(where, key)
        inner = get_args(annotation)[1]
        return {name: _value(inner, rules, entry, place, name) for name, entry in value.items()}
    if is_dataclass(annotation):
        if isinstance(value, annotation):  # type: ignore[arg-type]
            return value
        return read(annotation, value, _place(where, key))  # type: ignore[arg-type]
    choices = get_args(annotation) if get_origin(annotation) is Literal else rules.choices
    if choices:
        return _choice(choices, value, where, key)
    if annotation in (int, float):
        return _number(annotation, rules, value, where, key)
    if not isinstance(value, annotation) or (rules.not_empty and not value):
        raise _refused(where, key, value, _expected(annotation, rules))
    return value


def _list(annotation: Any, rules: Rules, value: Any, where: str, key: str) -> tuple[Any, ...]:
    inner = get_args(annotation)[0]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        found = tuple(
            _value(inner, rules, entry, where, f"{key}[{at}]") for at, entry in enumerate(value)
        )
    elif rules.one_is_a_list:
        found = (_value(inner, rules, value, where, key),)
    else:
        raise _refused(where, key, value, _expected(annotation, rules))
    if rules.not_empty and not found:
        raise _impossible(where, key, value, "hold at least one entry.")
    if rules.ascending and list(found) != sorted(set(found)):
        raise _impossible(where, key, value, "ascend without repeats.")
    if rules.distinct and len(set(found)) != len(found):
        raise _impossible(where, key, value, "hold no value twice.")
    return found


def _choice(choices: Sequence[Any], value: Any, where: str, key: str) -> Any:
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    words = [_word(choice) for choice in choices]
    near = suggestion(value, words) if isinstance(value, str) else ""
    raise _impossible(where, key, value, f"be one of {', '.join(words)}.{near}")


def _number(kind: type, rules: Rules, value: Any, where: str, key: str) -> int | float:
    wanted = _expected(kind, rules)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(where, key, value, wanted)
    if not -math.inf < value < math.inf:
        raise _refused(where, key, value, f"{wanted}, and finite")
    is_possible = (
        (kind is float or value == int(value))
        and (rules.above is None or value > rules.above)
        and (rules.at_least is None or value >= rules.at_least)
        and (rules.below is None or value < rules.below)
        and (rules.at_most is None or value <= rules.at_most)
    )
    if not is_possible or (kind is float and abs(value) > sys.float_info.max):
        raise _refused(where, key, value, wanted)
    return float(value) if kind is float else int(value)


def _expected(annotation: Any, rules: Rules) -> str:
    """What a value must be, in words."""
    if _is_optional(annotation):
        return f"{_expected(_inner(annotation), rules)}, or null"
    if get_origin(annotation) is tuple:
        return f"a list, each entry {_expected(get_args(annotation)[0], rules)}"
    choices = get_args(annotation) if get_origin(annotation) is Literal else rules.choices
    if choices:
        return f"one of {', '.join(map(_word, choices))}"
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _range(rules)
    if annotation is str:
        return "a text that is not empty" if rules.not_empty else "a text"
    return "true or false" if annotation is bool else "settings by name"


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


def _refused(where: str, key: str, value: Any, wanted: str) -> SettingError:
    return _impossible(where, key, value, f"be {wanted}.")


def _impossible(where: str, key: str, value: Any, must: str) -> SettingError:
    return SettingError(where, f"{key} = {_show(value)} must {must}")


def _place(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _word(choice: Any) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def _inner(annotation: Any) -> Any:
    (inner,) = (kind for kind in get_args(annotation) if kind is not NoneType)
    return inner


def _rules(entry: Field[Any]) -> Rules:
    return entry.metadata.get("rules", Rules())


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)
