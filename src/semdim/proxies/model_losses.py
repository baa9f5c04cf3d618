"""The losses of the model itself, which need no SAE: the suffix continues from the activation."""

import itertools
from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from semdim.artifacts.protocols import MissingShards, ShardSource
from semdim.forward.batching import Batches
from semdim.forward.next_token import NextToken
from semdim.forward.split import SplitModel
from semdim.proxies.columns import RESIDUAL, stacked


def model_losses(
    split: SplitModel,
    token_ids: Int[Tensor, "sequences context"],
    activations: ShardSource,
    writer: MissingShards,
    *,
    batch_sequences: int,
    keeps_residual: bool = False,
    update: Callable[[int], object],
) -> None:
    """Write the losses and scores of every sequence, to the bit those of the proxy ``model``.

    Shards hold the columns of `semdim.forward.next_token.NextToken` that have no other proxy in
    them, [s, T − 1] each.

    Args:
        keeps_residual: shards also hold ``residual`` [s, T, d_model], with which
            `semdim.proxies.losses.compute_losses` compares proxies without a suffix of the model.
        update: called with the number of tokens after each batch.

    Raises:
        DataError: a loss is NaN.
    """
    shards, context = range(len(activations)), token_ids.shape[1]
    firsts = [0, *itertools.accumulate(activations.shape(i, "activation")[0] for i in shards)]
    missing = list(writer.missing)
    update(sum(firsts[i + 1] - firsts[i] for i in set(shards) - set(missing)) * context)
    batches = Batches(batch_sequences, str(split.device))
    for index, shard in zip(missing, activations.ahead(missing), strict=True):
        ids = token_ids[firsts[index] : firsts[index + 1]]

        def work(
            batch: slice, ids: Tensor = ids, start: Tensor = shard["activation"]
        ) -> tuple[NextToken, Tensor | None]:
            residual = split.suffix(start[batch].to(split.device))
            found = split.next_token(residual, ids[batch], scores=True)
            return found, residual.cpu() if keeps_residual else None

        parts, streams = [], []
        for part, stream in batches.run(work, len(ids)):
            parts.append(part)
            streams += [] if stream is None else [stream]
            update(len(part.nll) // (context - 1) * context)
        tensors = stacked(parts, len(ids), f"sequences {firsts[index]} on")
        if keeps_residual:
            tensors[RESIDUAL] = torch.cat(streams)
        writer.write(index, tensors)
