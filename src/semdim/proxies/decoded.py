"""What most proxies are: the codes, or some of them, through a decoder."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from semdim.codes.sparse import Codes, decode


@dataclass(frozen=True)
class Decoded:
    """A replacement (`semdim.proxies.kind.Replacement`) that decodes codes."""

    weight: Float[Tensor, "dict_size d_model"]
    """Directions, one for each atom."""
    bias: Float[Tensor, " d_model"]
    """The offset."""
    select: Callable[[Codes], Codes] | None = None
    """Which of the codes are decoded; None: all of them."""

    def __call__(
        self, activation: Float[Tensor, "rows d_model"], codes: Codes
    ) -> Float[Tensor, "rows d_model"]:
        """The decoded rows, in the decoder's dtype."""
        return decode(codes if self.select is None else self.select(codes), self.weight, self.bias)
