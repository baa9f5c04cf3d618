"""The prefix, run once: activations at the hook point, shard by shard."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semdim.artifacts.protocols import MissingShards
from semdim.errors import DataError
from semdim.forward.batching import Batches
from semdim.forward.split import SplitModel
from semdim.tokens.sample import shard_ranges


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


def shard_activations(
    split: SplitModel, token_ids: Int[Tensor, "sequences context"], batches: Batches
) -> Iterator[Float[Tensor, "batch context d_model"]]:
    """The activations at the hook point, batch after batch, on the CPU."""
    return batches.run(lambda batch: split.prefix(token_ids[batch]).cpu(), len(token_ids))


def joined(parts: list[Tensor], where: str) -> Float[Tensor, "sequences context d_model"]:
    """The batches of one shard as one tensor.

    Raises:
        DataError: a value is NaN or infinite; ``where`` names the shard.
    """
    activation = torch.cat(parts)
    check_finite(activation, where)
    return activation


def cache_activations(
    split: SplitModel,
    token_ids: Int[Tensor, "sequences context"],
    writer: MissingShards,
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
    batches = Batches(batch_sequences, str(split.device))
    missing = set(writer.missing)
    for index, (start, stop) in enumerate(shard_ranges(len(token_ids), shard_sequences)):
        ids = token_ids[start:stop]
        if index not in missing:
            update(ids.numel())
            continue
        parts = []
        for part in shard_activations(split, ids, batches):
            parts.append(part)
            update(part.shape[0] * part.shape[1])
        activation = joined(parts, f"the activations of sequences {start} to {stop - 1}")
        writer.write(index, {"activation": activation})
