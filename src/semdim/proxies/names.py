"""Proxies: what replaces the activation at the hook point before the suffix of the model runs.

Every loss of semdim is the loss of one proxy. A name is that of a kind (`semdim.proxies.kinds`, a
module each), with a number behind it where the kind asks for one: ``model``, ``sae``, ``topk_16``.
Each but ``model`` obeys the setting ``splice``; a suffix ``_no_bos`` or ``_all`` fixes it.
"""

import re
from dataclasses import dataclass

from semdim.errors import ConfigError
from semdim.proxies.kind import PROXIES, ProxyKind
from semdim.rules import show

SPLICES = ("no_bos", "all")
_NAME = re.compile(r"(?P<kind>.+?)(?:_(?P<size>[0-9]+))?(?:_(?P<splice>no_bos|all))?")
#: Digits of a number behind a name: no dictionary has more atoms (`semdim.limits.ATOMS`).
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Proxy:
    """One proxy, parsed from its name."""

    name: str
    kind: str
    """Its name in the registry `semdim.proxies.kind.PROXIES`."""
    splice: str
    """``no_bos`` passes BOS through unreplaced, ``all`` replaces every position."""
    size: int | None = None
    """The number in its name; None: the kind has none."""

    @property
    def n_active(self) -> int | None:
        """k of ``topk_<k>``, or whatever a kind's number says of atoms per token."""
        return self.size if PROXIES[self.kind].counts == "n_active" else None

    @property
    def pool_size(self) -> int | None:
        """P of ``pool_<P>``."""
        return self.size if PROXIES[self.kind].counts == "pool_size" else None

    @property
    def needs_order(self) -> bool:
        """Whether it needs an order of the atoms."""
        return PROXIES[self.kind].needs_order

    @property
    def splice_used(self) -> str:
        """``splice``; empty for a kind that nothing is spliced in for."""
        return self.splice if PROXIES[self.kind].obeys_splice else ""

    @property
    def says(self) -> str:
        """What it puts at the hook point, in words."""
        return PROXIES[self.kind].says.format(size=self.size)


def parse_proxy(name: str, splice: str = "no_bos") -> Proxy:
    """Read a proxy's name; of the kinds, that of this proxy alone is imported.

    Raises:
        ConfigError: the name or the splice is unknown.
    """
    if splice not in SPLICES:
        raise ConfigError(f"splice = {splice!r} is unknown: choose no_bos or all.")
    match = _NAME.fullmatch(name)
    kind = None if match is None else _find(match["kind"])
    if match is None or kind is None:
        raise _unknown(name)
    if (match["size"] is None) != (kind.counts is None):
        raise _unknown(name)
    if match["splice"] and not kind.obeys_splice:
        raise _unknown(name)
    size = None if match["size"] is None else _size(name, match["size"])
    return Proxy(name, match["kind"], match["splice"] or splice, size)


def _size(name: str, digits: str) -> int:
    """The number behind a name, spelled in the one way that gives a proxy one name."""
    if digits.strip("0") == "":
        raise ConfigError(f"The proxy {name!r} keeps no atom at all: choose 1 or more.")
    if digits[0] == "0":
        raise ConfigError(
            f"The number in the proxy name {name!r} begins with 0, which would give the same "
            "proxy a second name: write the number without the 0."
        )
    if len(digits) > _MOST_DIGITS:
        raise ConfigError(
            f"The proxy {show(name)} asks for more atoms than any dictionary has: choose a number "
            f"of at most {_MOST_DIGITS} digits."
        )
    return int(digits)


def _find(kind: str) -> ProxyKind | None:
    try:
        return PROXIES[kind]
    except ConfigError:
        return None


def _unknown(name: str) -> ConfigError:
    forms = [PROXIES[kind].form(kind) for kind in PROXIES]
    return ConfigError(
        f"The proxy {show(name)} is unknown: choose one of {', '.join(forms)}; all but model may "
        "end in _no_bos or _all to fix the splice."
    )
