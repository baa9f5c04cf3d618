"""Whether an artifact holds activations, or their norms alone."""

import math

from semdim.artifacts.protocols import ShardSource


def is_stored(activations: ShardSource) -> bool:
    """Whether shards hold ``activation``; else they hold ``norm``, ``is_outlier`` and
    ``centred_norm`` (``engine.store_activations: false``)."""
    return bool(activations.facts.get("stored", True))


def n_tokens_of(activations: ShardSource) -> int:
    """Tokens of all shards, activations stored or not."""
    name = "activation" if is_stored(activations) else "norm"
    shapes = (activations.shape(index, name) for index in range(len(activations)))
    return sum(math.prod(shape[:2]) for shape in shapes)
