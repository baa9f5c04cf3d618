"""What to do about losses that bounds need and nothing computes."""

from collections.abc import Iterable, Mapping
from typing import Any


def by_list(proxies: Iterable[str]) -> dict[str, list[str]]:
    """The proxies by the list of ``grid`` that asks for their losses on the sample."""
    lists: dict[str, list[str]] = {"pool": [], "sweep": []}
    for name in proxies:
        lists["pool" if name.startswith("pool_") else "sweep"].append(name)
    return {key: names for key, names in lists.items() if names}


def missing_losses(missing: list[str], lists: Mapping[str, Any], section: str) -> str:
    """What to do about losses that bounds need and the grid does not compute.

    lists: ``grid.sweep`` and ``grid.pool`` as they stand; section: what asks for the bounds.
    """
    overrides = " ".join(
        f"-S 'grid.{key}=[{','.join(dict.fromkeys((*lists[key], *names)))}]'"
        for key, names in by_list(missing).items()
    )
    return (
        f"The configured bounds need the losses of {', '.join(missing)}, which are not computed: "
        f"compute only these with `dvc exp run {overrides}`, or remove them from {section}."
    )
