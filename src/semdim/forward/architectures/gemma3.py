"""Gemma 3 (text): blocks with and without a sliding window, a rotation for each kind."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from semdim.forward.architecture import ARCHITECTURES, Architecture, Arguments
from semdim.forward.architectures.llama import embed
from semdim.forward.positions import masks_by_type, position_ids


def arguments(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Arguments:
    """By the kind of the block."""
    kinds, positions = decoder.config.layer_types, position_ids(residual)
    masks = masks_by_type(decoder, residual, kinds)
    rotations = {kind: decoder.rotary_emb(residual, positions, kind) for kind in masks}
    return lambda layer: {
        "attention_mask": masks[kinds[layer]],
        "position_embeddings": rotations[kinds[layer]],
    }


ARCHITECTURES.add(
    "Gemma3ForCausalLM", Architecture("model", "model.layers", "model.norm", embed, arguments)
)
