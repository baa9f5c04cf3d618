"""Llama, and what has its shape: SmolLM, SmolLM2, TinyLlama. Gemma 1, which scales embeddings."""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from semdim.forward.architecture import ARCHITECTURES, Architecture, Arguments
from semdim.forward.positions import causal_mask, position_ids


def embed(
    decoder: Any, token_ids: Int[Tensor, "batch position"]
) -> Float[Tensor, "batch position d"]:
    """Tokens, as the module embeds them: Gemma's multiplies by √d."""
    tokens: Tensor = decoder.embed_tokens(token_ids)
    return tokens


def arguments(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Arguments:
    """The same for all blocks: causal attention, one rotation."""
    shared = {
        "attention_mask": causal_mask(decoder, residual),
        "position_embeddings": decoder.rotary_emb(residual, position_ids(residual)),
    }
    return lambda layer: shared


for name in ("LlamaForCausalLM", "GemmaForCausalLM"):
    ARCHITECTURES.add(name, Architecture("model", "model.layers", "model.norm", embed, arguments))
