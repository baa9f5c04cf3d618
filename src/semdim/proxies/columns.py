"""The losses of a shard's batches as the tensors that are stored."""

from collections.abc import Sequence

from torch import Tensor

from semdim.errors import DataError
from semdim.forward.next_token import NextToken

#: The model's final residual stream, in a shard of its losses: what compares proxies with it.
RESIDUAL = "residual"


def stacked(parts: Sequence[NextToken], n_sequences: int, where: str) -> dict[str, Tensor]:
    """``nll`` [s, T − 1], and what else there is of `NextToken`, in float32 on the CPU.

    Raises:
        DataError: a loss is NaN; ``where`` names the sequences.
    """
    joined = NextToken.joined(parts).columns
    tensors = {name: part.float().cpu().view(n_sequences, -1) for name, part in joined.items()}
    if bool(tensors["nll"].isnan().any()):
        raise DataError(
            f"A loss is NaN in {where}: the forward pass overflowed; try "
            "engine.compute_dtype=float32."
        )
    return tensors
