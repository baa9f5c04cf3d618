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

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semdim.engine.codes import Codes, decode
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


class Reconstructor:
    """Turns codes into what a proxy puts at the hook point.

    Args:
        proxy: which one.
        weight: decoder, rows of unit norm.
        bias: the decoder's offset.
        seed: of the random decoder or the permutation.
        atom_order: atoms, first the one that enters a pool first; needed by ``pool_<P>``.

    Raises:
        ConfigError: k or P is larger than the dictionary, or a pool has no order.
    """

    def __init__(
        self,
        proxy: Proxy,
        weight: Float[Tensor, "dict_size d_model"],
        bias: Float[Tensor, " d_model"],
        *,
        seed: int,
        atom_order: Tensor | None = None,
    ) -> None:
        self.proxy = proxy
        self.bias = bias
        self.weight = weight
        self._in_pool: Bool[Tensor, " dict_size"] | None = None
        dict_size = len(weight)
        size = proxy.n_active or proxy.pool_size
        if size is not None and size > dict_size:
            raise ConfigError(
                f"The proxy {proxy.name!r} asks for {size} atoms, but this dictionary has "
                f"{dict_size}; choose at most {dict_size}."
            )
        generator = torch.Generator().manual_seed(seed)
        if proxy.kind == "random_decoder":
            gaussian = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
            self.weight = (gaussian / gaussian.norm(dim=1, keepdim=True)).to(weight)
        elif proxy.kind == "shuffled_features":
            order = torch.randperm(dict_size, generator=generator)
            self.weight = weight[order.to(weight.device)]
        elif proxy.kind == "pool":
            if atom_order is None:
                raise ConfigError(f"The proxy {proxy.name!r} needs an order of the atoms.")
            self._in_pool = torch.zeros(dict_size, dtype=torch.bool, device=weight.device)
            self._in_pool[atom_order[: proxy.pool_size].long()] = True

    def __call__(
        self,
        activation: Float[Tensor, "rows d_model"],
        codes: Codes,
        is_bos: Bool[Tensor, " rows"],
    ) -> Float[Tensor, "rows d_model"]:
        """The rows that the suffix of the model starts from, in the activation's dtype."""
        if self.proxy.kind == "model":
            return activation
        if self.proxy.n_active is not None:
            codes = codes.top(self.proxy.n_active)
        if self._in_pool is not None:
            codes = codes.keep(self._in_pool[codes.atoms.long()])
        rebuilt = decode(codes, self.weight, self.bias).to(activation.dtype)
        if self.proxy.splice == "all":
            return rebuilt
        return torch.where(is_bos[:, None], activation, rebuilt)
