"""The losses of one autoencoder and nothing else: the model's own were taken before."""

import itertools
from collections.abc import Callable

from jaxtyping import Int
from torch import Tensor

from semdim.artifacts.protocols import ShardSink, ShardSource
from semdim.codes.encode import codes_of_shard
from semdim.codes.sparse import Codes
from semdim.forward.batching import Batches
from semdim.forward.next_token import NextToken
from semdim.forward.split import SplitModel
from semdim.proxies.columns import stacked
from semdim.proxies.reconstruct import Reconstructor
from semdim.tokens.sample import bos_mask


def proxy_losses(
    split: SplitModel,
    reconstruct: Reconstructor,
    token_ids: Int[Tensor, "sequences context"],
    activations: ShardSource,
    codes: ShardSource,
    writer: ShardSink,
    *,
    bos_token_id: int,
    batch_sequences: int,
    update: Callable[[int], object],
) -> None:
    """Write ``nll`` [s, T − 1] of a proxy, to the bit that of `semdim.proxies.losses`.

    There the proxy is also compared with the model's predictions, for which the model's logits are
    computed again. A ranking has no use for that, and it costs half as much as the suffix.

    Raises:
        DataError: a loss is NaN.
    """
    shards, context = range(len(activations)), token_ids.shape[1]
    firsts = [0, *itertools.accumulate(activations.shape(i, "activation")[0] for i in shards)]
    batches, dict_size = Batches(batch_sequences, str(split.device)), len(reconstruct.weight)
    missing = list(writer.missing)
    read = zip(missing, activations.ahead(missing), codes.ahead(missing), strict=True)
    for index, shard, stored in read:
        ids = token_ids[firsts[index] : firsts[index + 1]]
        is_bos, of_shard = bos_mask(ids, bos_token_id), codes_of_shard(stored, dict_size)

        def work(
            batch: slice,
            ids: Tensor = ids,
            is_bos: Tensor = is_bos,
            activation: Tensor = shard["activation"],
            of_shard: Codes = of_shard,
        ) -> NextToken:
            start = activation[batch].to(split.device)
            rows = of_shard.rows(batch.start * context, batch.stop * context).to(split.device)
            bos = is_bos[batch].to(split.device).flatten()
            rebuilt = reconstruct(start.flatten(0, 1), rows, bos).view_as(start)
            return split.next_token(split.suffix(rebuilt), ids[batch])

        parts = []
        for part in batches.run(work, len(ids)):
            parts.append(part)
            update(len(part.nll) // (context - 1) * context)
        writer.write(index, stacked(parts, len(ids), f"sequences {firsts[index]} on"))
