"""Proxies: what replaces the activation at the hook point before the suffix of the model runs.

Every loss of semdim is the loss of one proxy. Their names:

==================== ==========================================================================
``model``            the activation itself, so the loss is the model's own
``sae``              the SAE's reconstruction S(h)
``topk_<k>``         S(h) with codes truncated to the k largest contributions
``pool_<P>``         S(h) with codes restricted to the first P atoms of a fixed order
``random_decoder``   the real codes through Gaussian directions of unit norm
``shuffled_features`` the real codes with the atoms permuted by one fixed permutation
==================== ==========================================================================

Each but ``model`` obeys the setting ``splice``; a suffix ``_no_bos`` or ``_all`` fixes it.
"""

import re
from dataclasses import dataclass

from semdim.errors import ConfigError

SPLICES = ("no_bos", "all")
_NAME = re.compile(
    r"^(?:(?P<model>model)|(?P<kind>sae|random_decoder|shuffled_features|topk_(?P<k>\d+)"
    r"|pool_(?P<pool>\d+))(?:_(?P<splice>no_bos|all))?)$"
)


@dataclass(frozen=True)
class Proxy:
    """One proxy, parsed from its name."""

    name: str
    kind: str
    splice: str
    """``no_bos`` passes BOS through unreplaced, ``all`` replaces every position."""
    n_active: int | None = None
    """k of ``topk_<k>``."""
    pool_size: int | None = None
    """P of ``pool_<P>``."""


def parse_proxy(name: str, splice: str = "no_bos") -> Proxy:
    """Read a proxy's name.

    Raises:
        ConfigError: the name or the splice is unknown.
    """
    if splice not in SPLICES:
        raise ConfigError(f"splice = {splice!r} is unknown: choose no_bos or all.")
    match = _NAME.match(name)
    if match is None:
        raise ConfigError(
            f"The proxy {name!r} is unknown: choose model, sae, topk_<k>, pool_<P>, random_decoder "
            "or shuffled_features, with _no_bos or _all behind it to fix the splice."
        )
    if match["model"]:
        return Proxy(name, "model", splice)
    kind = re.sub(r"_\d+$", "", match["kind"])
    n_active = int(match["k"]) if match["k"] else None
    pool_size = int(match["pool"]) if match["pool"] else None
    if n_active == 0 or pool_size == 0:
        raise ConfigError(f"The proxy {name!r} keeps no atom at all: choose a number of 1 or more.")
    return Proxy(name, kind, match["splice"] or splice, n_active, pool_size)
