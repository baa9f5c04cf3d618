"""Losses of one proxy: replace the cached activation, run the suffix, read the next token's loss.

Losses are stored as −log2 p without smoothing, so that every smoothing α can be had from the cache.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.engine.codes import Codes
from semdim.engine.encode import codes_of_shard
from semdim.engine.parallel import side_by_side
from semdim.engine.proxies import Reconstructor
from semdim.engine.sample import batches, bos_mask
from semdim.engine.split import NextToken, SplitModel
from semdim.errors import ArtifactError, DataError


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
    return split.next_token(
        split.suffix(start), token_ids, scores=reconstruct.proxy.kind == "model"
    )


def shard_losses(
    split: SplitModel,
    reconstruct: Reconstructor,
    activation: Float[Tensor, "sequences context d_model"],
    codes: Codes,
    token_ids: Int[Tensor, "sequences context"],
    is_bos: Bool[Tensor, "sequences context"],
    batch_sequences: int,
) -> Iterator[NextToken]:
    """Losses of a shard, batch after batch."""
    device, context = split.device, token_ids.shape[1]

    def work(batch: slice) -> NextToken:
        return batch_losses(
            split,
            reconstruct,
            activation[batch].to(device),
            codes.rows(batch.start * context, batch.stop * context).to(device),
            token_ids[batch],
            is_bos[batch].to(device),
        )

    return side_by_side(work, list(batches(len(token_ids), batch_sequences)), str(device))


def compute_losses(
    split: SplitModel,
    reconstruct: Reconstructor,
    token_ids: Int[Tensor, "sequences context"],
    activations: Artifact,
    codes: Artifact,
    writer: ShardWriter,
    *,
    bos_token_id: int,
    batch_sequences: int,
    update: Callable[[int], object],
) -> None:
    """Write the losses of every sequence of ``token_ids``: shards ``nll`` [s, T − 1], in bits,
    float32. The artifacts may go on beyond these sequences.

    For the proxy ``model`` a shard also holds ``max_prob``, ``entropy`` (bits) and ``energy``
    (nats) of the same shape.

    Raises:
        ArtifactError: activations and codes are not of the same tokens.
        DataError: a loss is NaN.
    """
    if len(activations) != len(codes):
        raise ArtifactError(
            f"{activations.folder} has {len(activations)} shards, {codes.folder} has {len(codes)}: "
            "they are not of the same tokens; recompute both with `dvc repro --force`."
        )
    missing = set(writer.missing)
    first = 0
    for index in range(len(activations)):
        ids = token_ids[first : first + _n_sequences(activations, index)]
        n_sequences = len(ids)
        if n_sequences == 0:
            break
        first += n_sequences
        if index not in missing:
            update(ids.numel())
            continue
        parts = []
        for part in shard_losses(
            split,
            reconstruct,
            activations.read(index)["activation"],
            codes_of_shard(codes.read(index), len(reconstruct.weight)),
            ids,
            bos_mask(ids, bos_token_id),
            batch_sequences,
        ):
            parts.append(part)
            update(len(part.nll) // (ids.shape[1] - 1) * ids.shape[1])
        writer.write(index, _stack(parts, n_sequences, f"sequences {first - n_sequences} on"))


def n_shards_of(n_sequences: int, activations: Artifact) -> int:
    """How many shards the first ``n_sequences`` sequences fill."""
    n_shards = covered = 0
    while covered < n_sequences and n_shards < len(activations):
        covered += _n_sequences(activations, n_shards)
        n_shards += 1
    return n_shards


def _n_sequences(activations: Artifact, index: int) -> int:
    return int(activations.shards[index]["tensors"]["activation"]["shape"][0])


def _stack(parts: list[NextToken], n_sequences: int, where: str) -> dict[str, Tensor]:
    tensors = {}
    for name in ("nll", "max_prob", "entropy", "energy"):
        columns = [getattr(part, name) for part in parts]
        if columns[0] is not None:
            tensors[name] = torch.cat(columns).float().cpu().view(n_sequences, -1)
    if bool(tensors["nll"].isnan().any()):
        raise DataError(
            f"A loss is NaN in {where}: the forward pass overflowed; try "
            "engine.compute_dtype=float32."
        )
    return tensors
