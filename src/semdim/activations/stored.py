"""Whether an artifact holds activations, or their norms alone."""

from semdim.artifacts.protocols import ShardSource


def is_stored(activations: ShardSource) -> bool:
    """Whether shards hold ``activation``; else they hold ``norm``, ``is_outlier`` and
    ``centred_norm`` (``engine.store_activations: false``)."""
    return bool(activations.facts.get("stored", True))
