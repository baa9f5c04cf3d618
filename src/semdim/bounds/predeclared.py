"""How the points of a sweep share δ, so that all of them hold at once."""

from collections.abc import Mapping, Sequence
from typing import Any

GRIDS = ("bound.n_tokens", "bound.smoothing", "bound.smoothing_grid")


def n_predeclared(swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]) -> int | None:
    """How many points of N and α a sweep has.

    Args:
        swept: every value of every swept setting, by its dotted name.
        bound: the section of the settings, for what is not swept.

    Returns:
        None when neither N nor α is swept, since every point then computes the whole grid itself,
        and when bound.n_predeclared says the number.
    """
    if bound.get("n_predeclared") is not None or not set(swept) & set(GRIDS):
        return None
    sizes, *smoothings = (
        {entry for value in _values(name, swept, bound) for entry in _flat(value)} for name in GRIDS
    )
    pays_for_n = bound.get("pay_for_n_grid", True) is not False
    return len(set().union(*smoothings)) * (len(sizes) if pays_for_n else 1)


def shared(swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]) -> dict[str, Any]:
    """What a point of the sweep has to change in the section ``bound``: nothing, or the number of
    points that share δ; and, since risk_by_sparsity is given at the largest N alone and pays for
    one N, no bins."""
    number = n_predeclared(swept, bound)
    if number is None:
        return {}
    return {"n_predeclared": number} | (
        {} if "bound.sparsity_bins" in swept else {"sparsity_bins": 0}
    )


def _values(
    name: str, swept: Mapping[str, Sequence[Any]], bound: Mapping[str, Any]
) -> Sequence[Any]:
    return swept[name] if name in swept else [bound[name.removeprefix("bound.")]]


def _flat(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
