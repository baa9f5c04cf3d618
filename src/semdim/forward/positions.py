"""Masks and rotary positions of a whole sequence, made by transformers' own functions.

Sequences start at position 0, have no padding, and no keys and values are cached.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def position_ids(residual: Float[Tensor, "batch position d"]) -> Int[Tensor, "1 position"]:
    """0, 1, 2, …"""
    return torch.arange(residual.shape[1], device=residual.device)[None]


def causal_mask(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Any:
    """Of attention to all earlier positions; None where SDPA needs no mask for that."""
    from transformers.masking_utils import create_causal_mask

    return create_causal_mask(decoder.config, residual, None, None)


def window_mask(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Any:
    """Of attention within the configuration's sliding window; None where all positions are."""
    from transformers.masking_utils import create_sliding_window_causal_mask

    return create_sliding_window_causal_mask(decoder.config, residual, None, None)


def masks_by_type(
    decoder: Any, residual: Float[Tensor, "batch position d"], kinds: Iterable[str]
) -> dict[str, Any]:
    """A mask for each kind of layer that the configuration's ``layer_types`` name."""
    makers = {"full_attention": causal_mask, "sliding_attention": window_mask}
    return {kind: makers[kind](decoder, residual) for kind in dict.fromkeys(kinds)}
