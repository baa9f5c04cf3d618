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
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from semdim.errors import ConfigError
from semdim.rules import Rules, expected, is_optional, show, spelled, unwrapped

Spec = TypeVar("Spec")

_MISSING = 5
"""Missing settings that a message lists."""
LARGEST_SEED = 2**32 - 1
"""The largest seed that every generator takes: torch and NumPy take more, scikit-learn does not."""
SEED: dict[str, Any] = {
    "at_least": 0, "at_most": LARGEST_SEED, "because": "no generator of scikit-learn takes more",
}  # fmt: skip
"""The rules of a seed."""


class SettingError(ConfigError):
    """A setting, named by its key, that is not possible.

    Raise it in ``__post_init__`` with the place where the settings usually stand; `read` puts the
    place where they do stand before it instead.
    """

    def __init__(self, where: str, text: str) -> None:
        super().__init__(_place(where, text))
        self.text = text


def setting(default: Any = MISSING, **rules: Any) -> Any:
    """A field of a settings class: its default (none: it must be given), and its `Rules`."""
    return field(default=default, metadata={"rules": Rules(**rules)})


@dataclass(frozen=True)
class Takes:
    """What one kind takes beside ``kind``, where one class has the settings of several kinds."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


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


def read(cls: type[Spec], settings: Any, where: str, *, complete: bool = False) -> Spec:
    """The settings as their class.

    null means the default, or None where the annotation allows it. Whole numbers may be written
    1000.0, and fractions 1; true, false and texts are never numbers.

    Args:
        settings: a mapping, as YAML or JSON give it.
        where: what the settings are called, such as ``bound``; "" for all of a file.
        complete: every setting must be given; null then means None alone. For files that a
            command writes, in which a setting that is missing was taken out.

    Raises:
        ConfigError: a setting is unknown, missing, of the wrong type, or out of range; or two
            contradict each other. The message names it as ``<where>.<key>``.
    """
    name = where or "The file"
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{name} = {show(settings)} must be a mapping of settings.")
    chosen: Any = _class_of_kind(cls, settings, where) if issubclass(cls, ByKind) else cls
    if chosen is not cls:
        name = f"{name} of kind {settings['kind']}"
    known = names(chosen)
    unknown = [str(key) for key in settings if key not in known]
    if unknown:
        raise ConfigError(
            f"{name} has no setting {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(known)}.{suggestion(unknown[0], known)}"
        )
    kept: dict[str, Any] = {}
    missing = []
    for entry in fields(chosen):
        annotation, rules = _hints(chosen)[entry.name], _rules(entry)
        value = settings.get(entry.name)
        is_given, has_default = entry.name in settings, _has_default(entry) and not complete
        if value is not None or (is_given and (is_optional(annotation) or not has_default)):
            kept[entry.name] = _value(annotation, rules, value, where, entry.name)
        elif not has_default:
            missing.append(f"{entry.name} ({expected(annotation, rules)})")
    if missing:
        more = f", and {len(missing) - _MISSING} more" if len(missing) > _MISSING else ""
        raise ConfigError(f"{name} lacks {', '.join(missing[:_MISSING])}{more}.")
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


def check_kind(spec: Any, kinds: Mapping[str, Takes], where: str) -> None:
    """Check that settings hold all that their kind needs, and nothing that it does not take.

    Raises:
        SettingError: a setting is missing, or of no use for the kind.
    """
    _choice(tuple(kinds), spec.kind, where, "kind")
    takes = kinds[spec.kind]
    for name in takes.needed:
        if getattr(spec, name) is None:
            raise SettingError(where, f"{name} is missing: the kind {spec.kind} needs it.")
    taken = ("kind", *takes.needed, *takes.optional)
    for name in names(spec):
        value = getattr(spec, name)
        if name not in taken and value is not None:
            must = f"be left out: the kind {spec.kind} takes {', '.join(taken[1:])}."
            raise _impossible(where, name, value, must)


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
    if is_optional(annotation):
        return None if value is None else _value(unwrapped(annotation), rules, value, where, key)
    if get_origin(annotation) is tuple:
        return _list(annotation, rules, value, where, key)
    if get_origin(annotation) is dict:
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise _refused(where, key, value, expected(annotation, rules))
        place = _place(where, key)
        inner = get_args(annotation)[1]
        if rules.not_empty and not value:
            raise _impossible(where, key, value, "hold at least one entry.")
        return {name: _value(inner, rules, entry, place, name) for name, entry in value.items()}
    if is_dataclass(annotation):
        if isinstance(value, annotation):  # type: ignore[arg-type]
            return value
        place = _place(where, key)
        return read(annotation, value, place, complete=rules.complete)  # type: ignore[arg-type]
    choices = get_args(annotation) if get_origin(annotation) is Literal else rules.choices
    if choices:
        return _choice(choices, value, where, key)
    if annotation in (int, float):
        return _number(annotation, rules, value, where, key)
    is_blank = isinstance(value, str) and not value.strip()
    if not isinstance(value, annotation) or (is_blank and (rules.not_empty or rules.not_blank)):
        raise _refused(where, key, value, expected(annotation, rules))
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
        raise _refused(where, key, value, expected(annotation, rules))
    if rules.not_empty and not found:
        raise _impossible(where, key, value, "hold at least one entry.")
    if len(found) > rules.most_entries:
        must = f"hold at most {rules.most_entries:,} entries, not {len(found):,}."
        raise _impossible(where, key, value, must)
    if rules.ascending and list(found) != sorted(set(found)):
        raise _impossible(where, key, value, "ascend without repeats.")
    if rules.distinct and len(set(found)) != len(found):
        raise _impossible(where, key, value, "not hold any value twice.")
    return found


def _choice(choices: Sequence[Any], value: Any, where: str, key: str) -> Any:
    if any(type(value) is type(choice) and value == choice for choice in choices):
        return value
    words = [spelled(choice) for choice in choices]
    near = suggestion(value, words) if isinstance(value, str) else ""
    raise _impossible(where, key, value, f"be one of {', '.join(words)}.{near}")


def _number(kind: type, rules: Rules, value: Any, where: str, key: str) -> int | float:
    wanted = expected(kind, rules)
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
    if rules.because and rules.at_most is not None and value > rules.at_most:
        raise _refused(where, key, value, f"{wanted}, since {rules.because}")
    if not is_possible or (kind is float and abs(value) > sys.float_info.max):
        raise _refused(where, key, value, wanted)
    if kind is float and 0 < abs(value) < sys.float_info.min:
        raise _refused(where, key, value, f"{wanted}, and not so small that it loses its digits")
    return float(value) if kind is float else int(value)


def _refused(where: str, key: str, value: Any, wanted: str) -> SettingError:
    return _impossible(where, key, value, f"be {wanted}.")


def _impossible(where: str, key: str, value: Any, must: str) -> SettingError:
    return SettingError(where, f"{key} = {show(value)} must {must}")


def _place(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _has_default(entry: Field[Any]) -> bool:
    return entry.default is not MISSING or entry.default_factory is not MISSING


def _rules(entry: Field[Any]) -> Rules:
    return entry.metadata.get("rules", Rules())


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)
