"""The losses of a shard's batches as the tensors that are stored."""

from collections.abc import Sequence

import torch
from torch import Tensor

from semdim.errors import DataError
from semdim.forward.split import NextToken


def stacked(parts: Sequence[NextToken], n_sequences: int, where: str) -> dict[str, Tensor]:
    """``nll`` [s, T − 1], and the model's scores where there are any, in float32 on the CPU.

    Raises:
        DataError: a loss is NaN; ``where`` names the sequences.
    """
    tensors = {}
    for name in ("nll", "max_prob", "entropy", "energy"):
        columns = [getattr(part, name) for part in parts]
        if columns[0] is not None:
            tensors[name] = torch.cat(columns).float().cpu().view(n_sequences, -1)
    if bool(tensors["nll"].isnan().any()):
        raise DataError(
            f"A loss is NaN in {where}: the forward pass overflowed; try "
            "engine.compute_dtype=float32."
        )
    return tensors
