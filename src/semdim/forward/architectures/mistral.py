"""Mistral: Llama with a sliding window in every block, where its configuration names one."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from semdim.forward.architecture import ARCHITECTURES, Architecture, Arguments
from semdim.forward.architectures.llama import embed
from semdim.forward.positions import causal_mask, position_ids, window_mask


def arguments(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Arguments:
    """The same for all blocks."""
    mask = causal_mask if decoder.config.sliding_window is None else window_mask
    shared = {
        "attention_mask": mask(decoder, residual),
        "position_embeddings": decoder.rotary_emb(residual, position_ids(residual)),
    }
    return lambda layer: shared


ARCHITECTURES.add(
    "MistralForCausalLM", Architecture("model", "model.layers", "model.norm", embed, arguments)
)
