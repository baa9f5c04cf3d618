"""Losses of a proxy: replace the activation, run the suffix, read the next token's loss.

Losses are stored as −log2 p without smoothing, so that every smoothing α can be had from the cache.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from semdim.artifacts.protocols import MissingShards, ShardSource, is_stored
from semdim.codes.encode import codes_of_shard
from semdim.codes.sparse import Codes
from semdim.errors import ArtifactError
from semdim.forward.batching import Batches
from semdim.forward.next_token import NextToken
from semdim.forward.split import SplitModel
from semdim.proxies.columns import RESIDUAL, stacked
from semdim.proxies.reconstruct import Reconstructor
from semdim.tokens.sample import bos_mask


@dataclass(frozen=True)
class LossColumn:
    """The losses of one proxy while they are being computed."""

    reconstruct: Reconstructor
    writer: MissingShards
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


@dataclass(frozen=True)
class CodeColumns:
    """What is kept of codes that are not stored, while losses are being computed from them."""

    writer: MissingShards
    columns: Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]]
    """From the codes of a shard, and which of its positions are special [s, T], to what is kept."""


@dataclass(frozen=True)
class ModelItself:
    """Where the model's final residual stream comes from, with which proxies are compared."""

    smoothing: float
    """α of the predictions whose divergence is taken."""
    losses: ShardSource | None = None
    """The model's losses, whose shards may hold the stream (`semdim.proxies.columns.RESIDUAL`);
    where they do not, the suffix is run once more."""

    def of_shard(self, index: int) -> Tensor | None:
        """The stream of one shard [s, T, d_model], where it was kept."""
        return None if self.losses is None else self.losses.read(index).get(RESIDUAL)


def shard_losses(
    split: SplitModel,
    reconstructors: Sequence[Reconstructor],
    activation: Float[Tensor, "in_shard context d_model"],
    codes: Codes,
    token_ids: Int[Tensor, "sequences context"],
    is_bos: Bool[Tensor, "sequences context"],
    batches: Batches,
    *,
    smoothing: float | None,
    residual: Float[Tensor, "in_shard context d_model"] | None = None,
) -> Iterator[list[NextToken]]:
    """Losses of the first sequences of a shard, batch after batch: for each those of every proxy.

    Where the model's stream is computed, that is done in the batches of the whole shard, as
    `semdim.proxies.model_losses` does: some processors round a product of fewer rows otherwise, and
    a divergence must not depend on whether the stream was kept.

    Args:
        activation: of the whole shard, or of the first sequences at least.
        token_ids: of the first sequences, whose losses are wanted.
        smoothing: α of the predictions whose divergence is taken; None: of none.
        residual: the model's final residual stream; None: the suffix gives it.
    """
    device, context = split.device, token_ids.shape[1]
    of_model = [reconstruct.has_scores for reconstruct in reconstructors]

    def work(batch: slice) -> list[NextToken]:
        start = activation[batch].to(device)
        rows = codes.rows(batch.start * context, batch.stop * context).to(device)
        bos = is_bos[batch].to(device).flatten()
        others = [
            split.suffix(reconstruct(start.flatten(0, 1), rows, bos).view_as(start))
            for reconstruct in reconstructors
            if not reconstruct.has_scores
        ]
        if smoothing is None and not any(of_model):
            return [split.next_token(other, token_ids[batch]) for other in others]
        if residual is None:
            whole = activation[batch.start : batch.start + batches.size].to(device)
            final = split.suffix(whole)[: len(start)]
        else:
            final = residual[batch].to(device)
        if not others:
            return [split.next_token(final, token_ids[batch], scores=True)] * len(of_model)
        assert smoothing is not None
        own, found = split.compared(
            final, others, token_ids[batch], smoothing=smoothing, has_model=any(of_model)
        )
        rest = iter(found)
        return [own if own is not None and is_model else next(rest) for is_model in of_model]

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
    model: ModelItself | None,
    update: Callable[[int], object],
    of_codes: CodeColumns | None = None,
) -> None:
    """Write the losses of the sequences: shards ``nll`` [s, T − 1], in bits, float32.

    For the proxy ``model`` a shard also holds its scores, for every other one ``kl`` (bits) and
    ``top1_agrees``, of the same shape (`semdim.forward.next_token.NextToken`). Several proxies
    share the reading (or computing) of a shard's activations and the model's logits, and nothing
    else: their losses are those that each has alone.

    Args:
        columns: the proxies, each with the writer of its losses; all over the same dictionary.
        token_ids: the sample; the artifacts may extend beyond it.
        model: what the proxies are compared with; None: with nothing. Then the model's logits are
            not computed again, which costs half as much as the suffix, and a shard holds ``nll``
            alone.
        update: called with the number of tokens, times that of proxies, after each batch.
        of_codes: what to keep of codes that are not stored.

    Raises:
        ArtifactError: activations and codes are not of the same tokens.
        DataError: a loss is NaN.
    """
    if len(activations) != len(codes):
        raise ArtifactError(
            f"{activations.folder} has {len(activations)} shards, but {codes.folder} has "
            f"{len(codes)}: they hold different tokens; recompute both with `dvc repro --force`."
        )
    shards = range(len(activations))
    firsts = [0, *itertools.accumulate(activations.shape(i, "activation")[0] for i in shards)]
    writers = [column.writer for column in columns] + ([of_codes.writer] if of_codes else [])
    missing = sorted({index for writer in writers for index in writer.missing})
    dict_size = len(columns[0].reconstruct.weight) if columns else codes.facts["dict_size"]
    context = token_ids.shape[1]
    for column in columns:
        done = set(shards) - set(column.writer.missing)
        update(sum(column.sequences_of(firsts, i, len(token_ids)) for i in done) * context)
    if of_codes is not None:
        done = set(shards) - set(of_codes.writer.missing)
        update(sum(firsts[index + 1] - firsts[index] for index in done) * context)
    batches = Batches(batch_sequences, str(split.device))
    read = zip(missing, activations.ahead(missing), codes.ahead(missing), strict=True)
    for index, activation, stored in read:
        of_shard = codes_of_shard(stored, dict_size)
        if of_codes is not None and index in of_codes.writer.missing:
            ids = token_ids[firsts[index] : firsts[index + 1]]
            found = of_codes.columns(stored, bos_mask(ids, bos_token_id))
            of_codes.writer.write(index, found)
            update(ids.numel())
        is_compared = any(not column.reconstruct.has_scores for column in columns)
        residual = model.of_shard(index) if model is not None and is_compared else None
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
                activation["activation"],
                of_shard.rows(0, n_sequences * context),
                ids,
                bos_mask(ids, bos_token_id),
                batches,
                smoothing=None if model is None else model.smoothing,
                residual=residual,
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
