"""Phi-3: as Mistral, with one matrix for queries, keys and values."""

from semdim.forward.architecture import ARCHITECTURES, Architecture
from semdim.forward.architectures.llama import embed
from semdim.forward.architectures.mistral import arguments

ARCHITECTURES.add(
    "Phi3ForCausalLM", Architecture("model", "model.layers", "model.norm", embed, arguments)
)
