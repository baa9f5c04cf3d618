"""What to do about losses that bounds need and nothing computes."""

from collections.abc import Mapping
from typing import Any


def missing_losses(missing: list[str], lists: Mapping[str, Any], section: str) -> str:
    """What to do about losses that bounds need and the grid does not compute.

    lists: ``grid.sweep`` and ``grid.pool`` as they stand; section: what asks for the bounds.
    """
    pools = [name for name in missing if name.startswith("pool_")]
    wanted = {"sweep": [name for name in missing if name not in pools], "pool": pools}
    overrides = " ".join(
        f"-S 'grid.{key}=[{','.join(dict.fromkeys((*lists[key], *names)))}]'"
        for key, names in wanted.items()
        if names
    )
    return (
        f"The bounds of the configuration need the losses of {', '.join(missing)}, which are not "
        f"computed: compute them, and no others, with `dvc exp run {overrides}`, or take them out "
        f"of {section}."
    )
