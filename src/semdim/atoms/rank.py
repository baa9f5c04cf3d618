"""How deep a token's codes reach into an order of the atoms."""

import torch
from jaxtyping import Bool, Int, Int64
from torch import Tensor

from semdim.codes.sparse import Codes

DEEPEST_RANK = "deepest_rank"
"""Its column in ledgers and shards."""


def select_rows(codes: Codes, wanted: Bool[Tensor, " rows"]) -> Codes:
    """The rows where ``wanted`` holds."""
    kept = codes.keep(wanted[codes.row_of])
    counts = codes.n_active[wanted]
    starts = torch.zeros(len(counts) + 1, dtype=torch.int64, device=counts.device)
    starts[1:] = counts.cumsum(0)
    return Codes(starts, kept.atoms, kept.values, codes.dict_size)


def deepest_rank(codes: Codes, order: Int64[Tensor, " dict_size"]) -> Int[Tensor, " rows"]:
    """Largest rank in ``order`` of any atom that a token uses; −1 for a token that uses none."""
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    deepest = torch.full((len(codes),), -1, dtype=torch.int64)
    deepest.scatter_reduce_(0, codes.row_of, rank[codes.atoms.long()], reduce="amax")
    return deepest.int()
