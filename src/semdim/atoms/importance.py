"""What the loss owes to each atom, over the chosen sequences of a sample."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from semdim.atoms.counts import Shard
from semdim.atoms.gradient import batch_importance
from semdim.atoms.rank import select_rows
from semdim.forward.split import SplitModel
from semdim.proxies.reconstruct import Reconstructor
from semdim.tokens.sample import batches


def ablation_importance(
    split: SplitModel,
    reconstruct: Reconstructor,
    parts: Iterator[Shard],
    *,
    batch_sequences: int,
    update: Callable[[int], object],
) -> Tensor:
    """Estimated rise of the loss, bits per token, when an atom is ablated; float64 [dict_size]."""
    total = torch.zeros(len(reconstruct.weight), dtype=torch.float64)
    n_tokens = 0
    for part in parts:
        assert part.activation is not None
        context = part.token_ids.shape[1]
        for batch in batches(len(part.token_ids), batch_sequences):
            wanted = part.chosen[batch]
            update(int(wanted.numel()) * context)
            if not bool(wanted.any()):
                continue
            rows = part.codes.rows(batch.start * context, batch.stop * context)
            total += batch_importance(
                split,
                reconstruct,
                part.activation[batch][wanted].to(split.device),
                select_rows(rows, wanted.repeat_interleave(context)).to(split.device),
                part.token_ids[batch][wanted],
                part.is_bos[batch][wanted].to(split.device),
            )
            n_tokens += int(wanted.sum()) * (context - 1)
    return total / max(n_tokens, 1)
