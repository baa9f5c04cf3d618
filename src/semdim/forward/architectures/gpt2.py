"""GPT-2: learned positions, LayerNorm."""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from semdim.forward.architecture import ARCHITECTURES, Architecture, Arguments
from semdim.forward.positions import causal_mask, position_ids


def embed(
    decoder: Any, token_ids: Int[Tensor, "batch position"]
) -> Float[Tensor, "batch position d"]:
    """Tokens and positions."""
    tokens: Tensor = decoder.wte(token_ids)
    positions: Tensor = decoder.wpe(position_ids(tokens))
    return tokens + positions


def arguments(decoder: Any, residual: Float[Tensor, "batch position d"]) -> Arguments:
    """The same for all blocks."""
    shared = {"attention_mask": causal_mask(decoder, residual)}
    return lambda layer: shared


ARCHITECTURES.add(
    "GPT2LMHeadModel",
    Architecture(
        decoder="transformer",
        blocks="transformer.h",
        final_norm="transformer.ln_f",
        embed=embed,
        arguments=arguments,
        is_layer_norm=True,
    ),
)
