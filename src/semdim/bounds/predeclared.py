"""How the points of a sweep share δ, so that all of them hold at once."""

from collections.abc import Mapping, Sequence
from typing import Any

GRIDS = ("bound.n_tokens", "bound.smoothing", "bound.smoothing_grid")


def shared(swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]) -> dict[str, Any]:
    """What a point of the sweep has to change in the section ``bound``, so that it gets the share
    of δ that it has in the whole grid: every N and, in a sweep over α, every α. All of these count
    alike then, and those that stand in the settings but are not swept are left out.

    Args:
        swept: every value of every swept setting, by its dotted name.
        bound: the section of the settings, for what is not swept.

    Returns:
        nothing when neither N nor α is swept, since every point then computes the whole grid
        itself, or when bound.n_predeclared says among how many points δ is divided.
    """
    if bound.get("n_predeclared") is not None or not set(swept) & set(GRIDS):
        return {}
    changed: dict[str, Any] = {}
    if "bound.n_tokens" in swept:
        changed["declared_n_tokens"] = _union("bound.n_tokens", swept, bound)
    if {"bound.smoothing", "bound.smoothing_grid"} & set(swept):
        if "bound.smoothing_grid" not in swept:
            changed["smoothing_grid"] = []
        changed["declared_smoothings"] = _union("bound.smoothing", swept, {**bound, **changed})
    return changed


def _union(name: str, swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]) -> list[Any]:
    """All values of a setting that the sweep has; of α with those of its grid."""
    names = (name, "bound.smoothing_grid") if name == "bound.smoothing" else (name,)
    return sorted(
        {v for each in names for value in _values(each, swept, bound) for v in _flat(value)}
    )


def _values(
    name: str, swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]
) -> Sequence[Any]:
    return swept[name] if name in swept else [bound[name.removeprefix("bound.")]]


def _flat(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
