"""The prefix, run once: activations at the hook point, shard by shard."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semdim.artifacts.shards import ShardWriter
from semdim.engine.parallel import side_by_side
from semdim.engine.sample import batches, shard_ranges
from semdim.engine.split import SplitModel
from semdim.errors import DataError


def check_finite(activation: Float[Tensor, "..."], where: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        DataError: naming the place and the usual cause.
    """
    if not bool(torch.isfinite(activation).all()):
        bad = int((~torch.isfinite(activation)).sum())
        raise DataError(
            f"{bad} of {activation.numel()} values are NaN or infinite in {where}: the forward "
            "pass overflowed; try engine.compute_dtype=float32."
        )


def prefix_of(
    split: SplitModel, token_ids: Int[Tensor, "sequences context"], batch_sequences: int
) -> Iterator[Float[Tensor, "batch context d_model"]]:
    """The activations at the hook point, batch after batch."""
    parts = [token_ids[batch] for batch in batches(len(token_ids), batch_sequences)]
    return side_by_side(split.prefix, parts, str(split.device))


def cache_activations(
    split: SplitModel,
    token_ids: Int[Tensor, "sequences context"],
    writer: ShardWriter,
    *,
    shard_sequences: int,
    batch_sequences: int,
    update: Callable[[int], object],
) -> None:
    """Write the activations of every sequence: shards ``activation`` [s, T, d].

    Args:
        update: called with the number of tokens after each batch.

    Raises:
        DataError: an activation is NaN or infinite.
    """
    ranges = shard_ranges(len(token_ids), shard_sequences)
    missing = set(writer.missing)
    for index, (start, stop) in enumerate(ranges):
        ids = token_ids[start:stop]
        if index not in missing:
            update(ids.numel())
            continue
        parts = []
        for part in prefix_of(split, ids, batch_sequences):
            parts.append(part.cpu())
            update(part.shape[0] * part.shape[1])
        activation = torch.cat(parts)
        check_finite(activation, f"the activations of sequences {start} to {stop - 1}")
        writer.write(index, {"activation": activation})
