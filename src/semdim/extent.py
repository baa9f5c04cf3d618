"""How large something is: whether an artifact is of a sample of this size, and bytes in words."""

from pathlib import Path

from semdim.artifacts.shards import MANIFEST, Artifact

POSITIONS = {"activation": 0, "norm": 0, "nll": 1}
"""Tensors [sequences, positions, …] of activations and losses, and how many positions of a sequence
they leave out: nothing predicts the first token."""


def holds_sample(folder: Path, n_tokens: int, context: int) -> bool:
    """Whether activations or losses are there, of ``n_tokens`` in sequences of ``context``, rounded
    up to whole sequences: what is of another sample will be computed again.

    Raises:
        ArtifactError: the manifest is damaged, or of another version.
    """
    if not (folder / MANIFEST).exists():
        return False
    artifact, n_sequences = Artifact.open(folder), 0
    for index, shard in enumerate(artifact.shards):
        name = next((name for name in POSITIONS if name in shard["tensors"]), None)
        if name is None:
            return False
        sequences, positions = artifact.shape(index, name)[:2]
        if positions + POSITIONS[name] != context:
            return False
        n_sequences += sequences
    return n_sequences == -(-n_tokens // context)


def in_bytes(size: int) -> str:
    """``1.2 GB``, ``34 MB``."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
