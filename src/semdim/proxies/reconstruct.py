"""From codes to what a proxy puts at the hook point (names and meaning: `semdim.proxies.names`)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semdim.codes.sparse import Codes, decode
from semdim.errors import ConfigError
from semdim.proxies.names import Proxy


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
