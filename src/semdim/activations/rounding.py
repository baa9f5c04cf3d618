"""A model in float32 that rounds as one in bfloat16 does, at the speed of float32.

Where a processor has no bfloat16, computing in it is a hundred times slower. Rounding the weights
and what every module returns, and multiplying in float32 in between, is what a processor with it
does: products of bfloat16 numbers, summed in float32, rounded once. Only the order of the sums
differs.
"""

from typing import Any

import torch
from torch import Tensor, nn


def rounded(value: Any, dtype: torch.dtype) -> Any:
    """Floating-point tensors, alone or in a tuple, rounded to ``dtype`` and back to their own."""
    if isinstance(value, tuple):
        return tuple(rounded(entry, dtype) for entry in value)
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.to(dtype).to(value.dtype)
    return value


def round_from_now_on(model: nn.Module, dtype: torch.dtype = torch.bfloat16) -> None:
    """Round the weights of ``model``, and from now on whatever its modules return, to ``dtype``.

    The weights stay rounded, so that no second copy is in memory. Call it before the first forward
    pass: `semdim.forward.packed` copies a weight when it first multiplies by it, and would go on
    with the weights of before.
    """
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(rounded(weight, dtype))
    for module in model.modules():
        module.register_forward_hook(lambda _module, _given, found: rounded(found, dtype))
