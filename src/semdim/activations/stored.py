"""How many tokens an artifact of activations has, stored or not."""

import math

from semdim.artifacts.protocols import ShardSource, is_stored


def n_tokens_of(activations: ShardSource) -> int:
    """Tokens of all shards, activations stored or not."""
    name = "activation" if is_stored(activations) else "norm"
    shapes = (activations.shape(index, name) for index in range(len(activations)))
    return sum(math.prod(shape[:2]) for shape in shapes)
