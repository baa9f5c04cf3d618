"""What the transformers back end knows of an architecture: where a decoder keeps its parts, and
what its blocks are called with. One file an architecture, in `semdim.forward.architectures`.

Embeddings, blocks, masks and rotary positions are those of transformers; what stands in such a file
is the loop over the blocks that the model's own ``forward`` has, cut open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from semdim.errors import MismatchError
from semdim.registry import Registry

Arguments = Callable[[int], Mapping[str, Any]]
"""Of the number of a block: the keyword arguments that it is called with."""


@dataclass(frozen=True)
class Architecture:
    """A class of decoders in transformers; dotted names of modules are seen from the model."""

    decoder: str
    """The module that holds the rest, such as ``model``."""
    blocks: str
    """The list of blocks, such as ``model.layers``."""
    final_norm: str
    """The norm before the unembedding, such as ``model.norm``."""
    embed: Callable[[Any, Int[Tensor, "batch position"]], Float[Tensor, "batch position d"]]
    """(decoder, token ids): the residual stream before the first block."""
    arguments: Callable[[Any, Float[Tensor, "batch position d"]], Arguments]
    """(decoder, residual stream): what each block is called with beside the stream."""
    is_layer_norm: bool = False
    """Whether everything that reads the stream is a LayerNorm, which ignores its mean."""


ARCHITECTURES: Registry[Architecture] = Registry("architecture", "semdim.forward.architectures")
"""By the name of the class in transformers."""


def architecture_of(model: nn.Module) -> Architecture:
    """What is known of a model of transformers.

    Raises:
        MismatchError: nothing is; the message lists the architectures that are supported.
    """
    name = type(model).__name__
    if name not in ARCHITECTURES:
        raise MismatchError(
            f"The transformers back end does not support the architecture {name}: it runs "
            f"{', '.join(sorted(ARCHITECTURES))}. Choose engine.backend=transformer_lens, or add "
            "a file to src/semdim/forward/architectures (docs/extend.md)."
        )
    return ARCHITECTURES[name]


def module_at(model: nn.Module, name: str) -> Any:
    """The module of this dotted name.

    Raises:
        MismatchError: the model does not have it.
    """
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        raise MismatchError(
            f"This {type(model).__name__} has no module {name}, where semdim looks for it: give "
            "the model as transformers loads it, without wrappers around its parts."
        ) from error
