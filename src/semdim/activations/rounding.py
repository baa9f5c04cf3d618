"""A model in float32 that rounds as one in bfloat16 does, at the speed of float32.

Where a processor has no bfloat16, computing in it is a hundred times slower. Rounding the weights
and what every module returns, and multiplying in float32 in between, is what a processor with it
does: products of bfloat16 numbers, summed in float32, rounded once. Only the order of the sums
differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def rounding_to(model: nn.Module, dtype: torch.dtype = torch.bfloat16) -> Iterator[None]:
    """Within it, the weights of ``model`` and whatever its modules return are rounded to ``dtype``.

    The weights are put back afterwards. Nothing else may use the model meanwhile.
    """
    kept = [(weight, weight.detach().clone()) for weight in model.parameters()]
    handles = [
        module.register_forward_hook(lambda _module, _given, found: rounded(found, dtype))
        for module in model.modules()
    ]
    try:
        with torch.no_grad():
            for weight, _ in kept:
                weight.copy_(rounded(weight, dtype))
        yield
    finally:
        for handle in handles:
            handle.remove()
        with torch.no_grad():
            for weight, own in kept:
                weight.copy_(own)
