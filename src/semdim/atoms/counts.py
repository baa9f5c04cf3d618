"""The chosen sequences of a sample, shard by shard, and how many tokens use each atom."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from semdim.artifacts.protocols import ShardSource
from semdim.codes.encode import codes_of_shard
from semdim.codes.sparse import Codes
from semdim.tokens.sample import bos_mask


@dataclass(frozen=True)
class Shard:
    """The chosen sequences of one shard: their tokens, codes and (if asked for) activations."""

    token_ids: Int[Tensor, "sequences context"]
    is_bos: Bool[Tensor, "sequences context"]
    codes: Codes
    chosen: Bool[Tensor, " sequences"]
    activation: Tensor | None


def shards(
    token_ids: Int[Tensor, "sequences context"],
    chosen: Bool[Tensor, " sequences"],
    codes: ShardSource,
    dict_size: int,
    bos_token_id: int,
    activations: ShardSource | None = None,
) -> Iterator[Shard]:
    """Shard by shard, in order."""
    context, first = token_ids.shape[1], 0
    for index in range(len(codes)):
        shard_codes = codes_of_shard(codes.read(index), dict_size)
        last = first + len(shard_codes) // context
        ids = token_ids[first:last]
        activation = None if activations is None else activations.read(index)["activation"]
        yield Shard(ids, bos_mask(ids, bos_token_id), shard_codes, chosen[first:last], activation)
        first = last


def count_atoms(parts: Iterator[Shard], dict_size: int) -> Int64[Tensor, " dict_size"]:
    """Tokens of the chosen sequences, BOS left out, that use each atom."""
    counts = torch.zeros(dict_size, dtype=torch.int64)
    for part in parts:
        counted = part.chosen[:, None] & ~part.is_bos
        atoms = part.codes.keep(counted.flatten()[part.codes.row_of]).atoms
        counts += torch.bincount(atoms.long(), minlength=dict_size)
    return counts
