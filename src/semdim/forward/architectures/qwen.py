"""Qwen 2 and 3, and Gemma 2: blocks with and without a sliding window, one rotation for both.

What else they have (biases of queries, keys and values; norms of queries and keys; soft caps) lies
within the blocks and the head.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from semdim.forward.architecture import ARCHITECTURES, Architecture, Arguments
from semdim.forward.architectures.llama import embed
from semdim.forward.positions import masks_by_type, position_ids


def arguments(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Arguments:
    """By the kind of the block."""
    kinds = decoder.config.layer_types
    masks = masks_by_type(decoder, residual, kinds)
    rotation = decoder.rotary_emb(residual, position_ids(residual))
    return lambda layer: {
        "attention_mask": masks[kinds[layer]],
        "position_embeddings": rotation,
    }


for name in ("Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma2ForCausalLM"):
    ARCHITECTURES.add(name, Architecture("model", "model.layers", "model.norm", embed, arguments))
