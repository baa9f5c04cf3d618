"""What differs between two configurations, setting by setting."""

from dataclasses import dataclass
from typing import Any

from semdim.compare.side import FACTS, Pair

NOT_SET = "not set"
_FACTS = (*(f"{name}." for name in FACTS), "python")


@dataclass(frozen=True)
class Difference:
    """One setting with two values."""

    setting: str
    """Dotted name; those of setup.json begin with `setup.`."""
    a: Any
    b: Any
    """None where the setting is null, `NOT_SET` where a side does not have it."""


def differences(pair: Pair) -> list[Difference]:
    """Settings in which the two differ, in the order in which they are written.

    When a side has no params.yaml, what setup.json and bounds.csv tell is compared instead, and
    `incomplete` says so.
    """
    left, right = pair.settings_a, pair.settings_b
    if left.asked is None or right.asked is None:
        return _differ(left.found, right.found, "setup.")
    facts_a, facts_b = _facts(left.found), _facts(right.found)
    return _differ(left.asked, right.asked, "") + _differ(facts_a, facts_b, "setup.")


def incomplete(pair: Pair) -> str | None:
    """Why a setting may differ that `differences` cannot see; None when it sees all."""
    without = [
        side
        for side, settings in (("A", pair.settings_a), ("B", pair.settings_b))
        if settings.asked is None
    ]
    if not without:
        return None
    return (
        f"{' and '.join(without)} {'have' if len(without) > 1 else 'has'} no params.yaml beside "
        "the results (`dvc repro` writes it): only what setup.json and bounds.csv tell is compared"
    )


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name.startswith(_FACTS)}


def _differ(a: dict[str, Any], b: dict[str, Any], prefix: str) -> list[Difference]:
    return [
        Difference(f"{prefix}{name}", a.get(name, NOT_SET), b.get(name, NOT_SET))
        for name in dict.fromkeys((*a, *b))
        if name not in a or name not in b or a[name] != b[name]
    ]
