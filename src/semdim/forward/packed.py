"""Products with weights that oneDNN has packed once, in the order in which its kernels read them.

`F.linear` hands a float32 product to MKL, and has oneDNN rearrange a bfloat16 weight at each
call. Packed beforehand, products of SmolLM2's shapes ran at 1.1 to 1.5 times the speed in float32,
and at up to 1.8 times in bfloat16, the small ones most (two cores of an AMD EPYC). The sums are of
the same numbers, added in another order.
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from semdim.forward.dtype import onednn_takes_bfloat16


class PackedProducts(TorchFunctionMode):
    """While it is entered, `F.linear` and `torch.addmm` multiply by packed copies of ``weights``.

    A weight is packed when it is first met, so that half a model costs a copy of half its weights.
    TransformerLens forms its matrices again at each call; they are known again by the place and
    order of their memory, so weights must neither move nor change. Several threads may enter it at
    once. It knows no gradients: enter it in inference mode.

    Args:
        weights: on the CPU; others are multiplied as ever.
        longest_float32_sum: longer sums stay with MKL in float32, whose partial sums are short.
            Where an MLP's output gathers a massive activation, oneDNN's rounding moved single
            losses of SmolLM2 by 3e-4 bits; that of all other products, by less than 1e-4.
    """

    def __init__(self, weights: Iterable[Tensor], *, longest_float32_sum: int) -> None:
        super().__init__()
        self._longest_float32_sum = longest_float32_sum
        # The tensors are held, too, so that no other can come to lie in their place.
        self._weights = {weight.data_ptr(): weight for weight in weights if _can_pack(weight)}
        self._packed: dict[tuple[Any, ...], Tensor] = {}
        self._lock = Lock()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if not kwargs:
            if func is F.linear:
                x, weight, bias = args if len(args) == 3 else (*args, None)
                if (packed := self._of(weight, x)) is not None:
                    return _multiply(x, packed, bias)
            elif func is torch.addmm and len(args) == 3 and args[0].dim() == 1:
                bias, x, weight = args
                if (packed := self._of(weight.T, x)) is not None:
                    return _multiply(x, packed, bias)
        return func(*args, **(kwargs or {}))

    def _of(self, weight: Tensor, x: Tensor) -> Tensor | None:
        place = weight.data_ptr()
        if place not in self._weights or x.dtype != weight.dtype or weight.dim() != 2:
            return None
        if x.dtype == torch.float32 and x.shape[-1] > self._longest_float32_sum:
            return None
        key = (place, weight.shape, weight.stride())
        if key not in self._packed:
            with self._lock:
                if key not in self._packed:
                    n_rows = x.numel() // x.shape[-1]
                    self._packed[key] = _pack(weight.contiguous(), n_rows)
        return self._packed[key]


def _can_pack(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:  # on old processors oneDNN refuses it; torch does not
        return onednn_takes_bfloat16()
    return weight.dtype == torch.float32


def _pack(weight: Tensor, n_rows: int) -> Tensor:
    # What torch's own compiler emits for a frozen model; torch has no public name for it that
    # takes and returns plain tensors.
    return torch.ops.mkldnn._reorder_linear_weight(weight, n_rows)


def _multiply(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
