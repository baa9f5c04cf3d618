"""The losses of the model itself, which need no SAE: the suffix continues from the activation."""

import itertools
from collections.abc import Callable

from jaxtyping import Int
from torch import Tensor

from semdim.artifacts.protocols import ShardSink, ShardSource
from semdim.forward.batching import Batches
from semdim.forward.split import NextToken, SplitModel
from semdim.proxies.columns import stacked


def model_losses(
    split: SplitModel,
    token_ids: Int[Tensor, "sequences context"],
    activations: ShardSource,
    writer: ShardSink,
    *,
    batch_sequences: int,
    update: Callable[[int], object],
) -> None:
    """Write the losses and scores of every sequence, to the bit those of the proxy ``model``.

    Shards hold ``nll`` [s, T − 1] in bits, ``max_prob``, ``entropy`` (bits) and ``energy`` (nats).

    Args:
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

        def work(batch: slice, ids: Tensor = ids, start: Tensor = shard["activation"]) -> NextToken:
            residual = split.suffix(start[batch].to(split.device))
            return split.next_token(residual, ids[batch], scores=True)

        parts = []
        for part in batches.run(work, len(ids)):
            parts.append(part)
            update(len(part.nll) // (context - 1) * context)
        writer.write(index, stacked(parts, len(ids), f"sequences {firsts[index]} on"))
