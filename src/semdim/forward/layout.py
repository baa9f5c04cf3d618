"""Weights stored in the order in which they are multiplied.

TransformerLens keeps weights as [head, d_model, d_head] and [d_model, d_mlp], multiplies their
transposes, and makes those again at each call: a tenth of a forward pass on a CPU. Stored the other
way round, under the same names and shapes, the transposes cost nothing and every result is bitwise
what it was.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformer_lens import HookedTransformer

_HEADS = {name: (0, 2, 1) for name in ("W_Q", "W_K", "W_V", "_W_K", "_W_V")} | {"W_O": (2, 0, 1)}
_MATRICES = {name: (1, 0) for name in ("W_gate", "W_in", "W_out")}


def lay_out_weights(model: "HookedTransformer") -> "HookedTransformer":
    """Change the memory layout of ``model``'s weights in place, and return it."""
    from transformer_lens.components import GatedMLP
    from transformer_lens.components.abstract_attention import AbstractAttention

    for module in model.modules():
        if isinstance(module, AbstractAttention) and not module.cfg.load_in_4bit:
            _store(module, _HEADS)
        elif isinstance(module, GatedMLP) and not module.cfg.load_in_4bit:
            _store(module, _MATRICES)
    return model


@contextmanager
def left_as_it_is(model: torch.nn.Module) -> Iterator[None]:
    """Afterwards ``model`` is in its earlier mode (training or not), its weights in their earlier
    memory layout; meanwhile it may be laid out and put into evaluation mode."""
    modes = {module: module.training for module in model.modules()}
    strides = {weight: weight.stride() for weight in model.parameters()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for weight, stride in strides.items():
            if weight.stride() != stride:
                back = torch.empty_strided(
                    weight.shape, stride, dtype=weight.dtype, device=weight.device
                )
                weight.data = back.copy_(weight.data)


def _store(module: torch.nn.Module, orders: Mapping[str, tuple[int, ...]]) -> None:
    for name, order in orders.items():
        weight = module._parameters.get(name)
        if weight is not None and weight.dim() == len(order):
            back = sorted(range(len(order)), key=order.__getitem__)
            weight.data = weight.data.permute(order).contiguous().permute(back)
