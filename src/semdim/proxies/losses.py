"""Losses of a proxy: replace the activation, run the suffix, read the next token's loss.

Losses are stored as −log2 p without smoothing, so that every smoothing α can be had from the cache.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from semdim.activations.stored import is_stored
from semdim.artifacts.protocols import ShardSink, ShardSource
from semdim.codes.encode import codes_of_shard
from semdim.codes.sparse import Codes
from semdim.errors import ArtifactError
from semdim.forward.batching import Batches
from semdim.forward.split import NextToken, SplitModel
from semdim.proxies.columns import stacked
from semdim.proxies.reconstruct import Reconstructor
from semdim.tokens.sample import bos_mask


def batch_losses(
    split: SplitModel,
    reconstruct: Reconstructor,
    activation: Float[Tensor, "batch context d_model"],
    codes: Codes,
    token_ids: Int[Tensor, "batch context"],
    is_bos: Bool[Tensor, "batch context"],
) -> NextToken:
    """Losses of one batch of sequences: ``batch × (context − 1)`` values in order."""
    start = reconstruct(activation.flatten(0, 1), codes, is_bos.flatten()).view_as(activation)
    return split.next_token(split.suffix(start), token_ids, scores=reconstruct.has_scores)


@dataclass(frozen=True)
class LossColumn:
    """The losses of one proxy while they are being computed."""

    reconstruct: Reconstructor
    writer: ShardSink
    n_sequences: int | None = None
    """It is run on the first so many sequences of the sample; None: on all."""

    def sequences_of(self, firsts: Sequence[int], index: int, n_sequences: int) -> int:
        """Sequences of one shard that it is run on.

        Args:
            firsts: first sequence of each shard, and behind the last one.
            n_sequences: of the sample.
        """
        stop = n_sequences if self.n_sequences is None else min(self.n_sequences, n_sequences)
        return max(0, min(firsts[index + 1], stop) - firsts[index])


def shard_losses(
    split: SplitModel,
    reconstructors: Sequence[Reconstructor],
    activation: Float[Tensor, "sequences context d_model"],
    codes: Codes,
    token_ids: Int[Tensor, "sequences context"],
    is_bos: Bool[Tensor, "sequences context"],
    batches: Batches,
) -> Iterator[list[NextToken]]:
    """Losses of a shard, batch after batch: for each batch those of every proxy."""
    device, context = split.device, token_ids.shape[1]

    def work(batch: slice) -> list[NextToken]:
        start = activation[batch].to(device)
        rows = codes.rows(batch.start * context, batch.stop * context).to(device)
        bos = is_bos[batch].to(device)
        return [
            batch_losses(split, reconstruct, start, rows, token_ids[batch], bos)
            for reconstruct in reconstructors
        ]

    return batches.run(work, len(token_ids))


def compute_losses(
    split: SplitModel,
    columns: Sequence[LossColumn],
    token_ids: Int[Tensor, "sequences context"],
    activations: ShardSource,
    codes: ShardSource,
    *,
    bos_token_id: int,
    batch_sequences: int,
    update: Callable[[int], object],
) -> None:
    """Write the losses of the sequences: shards ``nll`` [s, T − 1], in bits, float32.

    For the proxy ``model`` a shard also holds ``max_prob``, ``entropy`` (bits) and ``energy``
    (nats) of the same shape. Several proxies share the reading (or computing) of a shard's
    activations, and nothing else: their losses are those that each has alone.

    Args:
        columns: the proxies, each with the writer of its losses; all over the same dictionary.
        token_ids: the sample; the artifacts may extend beyond it.
        update: called with the number of tokens, times that of proxies, after each batch.

    Raises:
        ArtifactError: activations and codes are not of the same tokens.
        DataError: a loss is NaN.
    """
    if len(activations) != len(codes):
        raise ArtifactError(
            f"{activations.folder} has {len(activations)} shards, {codes.folder} has {len(codes)}: "
            "they are not of the same tokens; recompute both with `dvc repro --force`."
        )
    shards = range(len(activations))
    firsts = [0, *itertools.accumulate(activations.shape(i, "activation")[0] for i in shards)]
    missing = sorted({index for column in columns for index in column.writer.missing})
    dict_size, context = len(columns[0].reconstruct.weight), token_ids.shape[1]
    for column in columns:
        done = set(shards) - set(column.writer.missing)
        update(sum(column.sequences_of(firsts, i, len(token_ids)) for i in done) * context)
    batches = Batches(batch_sequences, str(split.device))
    read = zip(missing, activations.ahead(missing), codes.ahead(missing), strict=True)
    for index, activation, stored in read:
        of_shard = codes_of_shard(stored, dict_size)
        together: dict[int, list[LossColumn]] = {}
        for column in columns:
            if index in column.writer.missing:
                n_sequences = column.sequences_of(firsts, index, len(token_ids))
                together.setdefault(n_sequences, []).append(column)
        for n_sequences, group in together.items():
            ids = token_ids[firsts[index] : firsts[index] + n_sequences]
            parts = []
            for part in shard_losses(
                split,
                [column.reconstruct for column in group],
                activation["activation"][:n_sequences],
                of_shard.rows(0, n_sequences * context),
                ids,
                bos_mask(ids, bos_token_id),
                batches,
            ):
                parts.append(part)
                update(len(part[0].nll) // (context - 1) * context * len(group))
            where = f"sequences {firsts[index]} on"
            for column, of_proxy in zip(group, zip(*parts, strict=True), strict=True):
                column.writer.write(index, stacked(list(of_proxy), n_sequences, where))


def n_shards_of(n_sequences: int, activations: ShardSource) -> int:
    """How many shards the first ``n_sequences`` sequences fill, activations stored or not."""
    name = "activation" if is_stored(activations) else "norm"
    n_shards = covered = 0
    while covered < n_sequences and n_shards < len(activations):
        covered += activations.shape(n_shards, name)[0]
        n_shards += 1
    return n_shards
