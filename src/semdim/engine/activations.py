"""The prefix, run once: activations at the hook point, shard by shard."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.engine.sample import batches, shard_ranges
from semdim.engine.split import SplitModel
from semdim.errors import DataError

OUTLIER_RATIO = 10.0  # a token is a norm outlier when ‖h‖ exceeds this many medians


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
        for batch in batches(len(ids), batch_sequences):
            parts.append(split.prefix(ids[batch]).cpu())
            update(ids[batch].numel())
        activation = torch.cat(parts)
        check_finite(activation, f"the activations of sequences {start} to {stop - 1}")
        writer.write(index, {"activation": activation})


def summarise_activations(activations: Artifact) -> dict[str, Tensor]:
    """Norms, the outliers among them, and the mean activation of the others.

    Position 0 is kept out of the median and the mean: on many models its norm is two orders of
    magnitude above the rest and would be all that a mean shows.

    Returns:
        ``norm`` [S, T]; ``is_outlier`` [S, T] (‖h‖ above ten medians of positions ≥ 1); ``mean``
        [d] over positions ≥ 1 without outliers; ``centred_norm`` [S, T], ‖h − mean‖.
    """
    norm = torch.cat([shard["activation"].float().norm(dim=-1) for shard in activations])
    is_outlier = norm > OUTLIER_RATIO * norm[:, 1:].median()
    regular = ~is_outlier
    regular[:, 0] = False
    total = torch.zeros(1, dtype=torch.float64)
    first = 0
    for shard in activations:
        activation = shard["activation"]
        mask = regular[first : first + len(activation)]
        total = total + activation[mask].double().sum(dim=0)
        first += len(activation)
    mean = (total / max(int(regular.sum()), 1)).float()
    centred = torch.cat(
        [(shard["activation"].float() - mean).norm(dim=-1) for shard in activations]
    )
    return {"norm": norm, "is_outlier": is_outlier, "mean": mean, "centred_norm": centred}
