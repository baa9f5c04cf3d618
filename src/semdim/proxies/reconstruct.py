"""From codes to what a proxy puts at the hook point (its kinds: `semdim.proxies.kinds`)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semdim.artifacts.protocols import ShardSource
from semdim.codes.sparse import Codes
from semdim.errors import ConfigError
from semdim.proxies.decoded import Decoded
from semdim.proxies.kind import PROXIES, Materials
from semdim.proxies.names import Proxy


def check_possible(proxy: Proxy, dict_size: int, *, has_order: bool) -> None:
    """Refuse a proxy that this dictionary does not allow.

    Raises:
        ConfigError: the proxy's number is larger than the dictionary, or it lacks an order.
    """
    if proxy.size is not None and proxy.size > dict_size:
        raise ConfigError(
            f"The proxy {proxy.name!r} asks for {proxy.size} atoms, but this dictionary has "
            f"{dict_size}; choose at most {dict_size}."
        )
    if proxy.needs_order and not has_order:
        raise ConfigError(
            f"The proxy {proxy.name!r} needs an order of the atoms; give one as `atom_order`, or "
            "in the pipeline list the proxy in grid.pool."
        )


class Reconstructor:
    """Turns codes into what a proxy puts at the hook point.

    Args:
        proxy: which one.
        weight: decoder, rows of unit norm.
        bias: the decoder's offset.
        seed: of the random decoder or the permutation.
        atom_order: atoms, first the one that enters a pool first; needed by ``pool_<P>``.
        activations: of the sample; needed by ``mean``.

    Raises:
        ConfigError: the proxy's number is larger than the dictionary, or it lacks an order or the
            activations.
    """

    def __init__(
        self,
        proxy: Proxy,
        weight: Float[Tensor, "dict_size d_model"],
        bias: Float[Tensor, " d_model"],
        *,
        seed: int,
        atom_order: Tensor | None = None,
        activations: ShardSource | None = None,
    ) -> None:
        kind = PROXIES[proxy.kind]
        check_possible(proxy, len(weight), has_order=atom_order is not None)
        if kind.needs_activations and activations is None:
            raise ConfigError(
                f"The proxy {proxy.name!r} needs all activations of the sample: give them as "
                "`activations`."
            )
        replacement = kind.prepare(
            Materials(proxy.size, weight, bias, seed, atom_order, activations)
        )
        self.proxy = proxy
        self.has_scores = kind.has_scores
        # The directions that codes go through; where none do, those of the dictionary.
        self.weight = replacement.weight if isinstance(replacement, Decoded) else weight
        self._replacement = replacement
        self._passes_bos = kind.obeys_splice and proxy.splice == "no_bos"

    def __call__(
        self,
        activation: Float[Tensor, "rows d_model"],
        codes: Codes,
        is_bos: Bool[Tensor, " rows"],
    ) -> Float[Tensor, "rows d_model"]:
        """The rows that the suffix of the model starts from, in the activation's dtype."""
        rows = self._replacement(activation, codes).to(activation.dtype)
        if not self._passes_bos:
            return rows
        return torch.where(is_bos[:, None], activation, rows)
