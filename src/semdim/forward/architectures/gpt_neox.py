"""GPT-NeoX, and so Pythia: attention and MLP side by side, part of each head rotated, LayerNorm."""

from semdim.forward.architecture import ARCHITECTURES, Architecture
from semdim.forward.architectures.llama import arguments

ARCHITECTURES.add(
    "GPTNeoXForCausalLM",
    Architecture(
        decoder="gpt_neox",
        blocks="gpt_neox.layers",
        final_norm="gpt_neox.final_layer_norm",
        embed=lambda decoder, token_ids: decoder.embed_in(token_ids),
        arguments=arguments,
        is_layer_norm=True,
    ),
)
