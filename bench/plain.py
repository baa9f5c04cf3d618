"""The plain procedure, as an experiment without a library of its own would write it.

One sequence at a time, two full forward passes in float32, the second with the SAE's reconstruction
put in by a hook, dense codes, and a softmax over the whole vocabulary. It finds what semdim's
ledger holds of a token: the losses, the model's own scores, k, and the norms.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Int32
from torch import Tensor

from bench.subjects import Subject
from semdim.codes.sparse import is_active


def plain_ledger(
    subject: Subject, token_ids: Int32[Tensor, "sequences context"]
) -> dict[str, np.ndarray]:
    """Losses of ``model`` and ``sae`` in bits and the model's scores, [S, T − 1] each; k and norms,
    [S, T] each."""
    rows: list[dict[str, Tensor]] = []
    for ids in token_ids.to(subject.device).long():
        is_bos = ids == subject.bos_token_id
        is_bos[0] = True
        row: dict[str, Tensor] = {}

        def splice(
            activation: Tensor, hook: Any, is_bos: Tensor = is_bos, row: dict[str, Tensor] = row
        ) -> Tensor:
            codes = subject.sae.encode(activation)
            rebuilt = subject.sae.decode(codes)
            row["n_active"] = is_active(codes).sum(dim=-1)
            row["code_norm"] = codes.norm(dim=-1)
            row["reconstruction_norm"] = rebuilt.norm(dim=-1)
            row["reconstruction_error"] = (rebuilt - activation).norm(dim=-1)
            row["activation_norm"] = activation.norm(dim=-1)
            rebuilt[:, is_bos] = activation[:, is_bos]
            return rebuilt

        with torch.no_grad():
            row |= of_model(subject.model(ids[None]), ids)
            spliced = subject.model.run_with_hooks(
                ids[None], fwd_hooks=[(subject.hook_name, splice)]
            )
            row["sae"] = losses(spliced[0, :-1].softmax(dim=-1), ids)
        rows.append({name: column.reshape(1, -1).cpu() for name, column in row.items()})
    return {name: torch.cat([row[name] for row in rows]).numpy() for name in rows[0]}


def of_model(logits: Float[Tensor, "1 context vocab_size"], ids: Int[Tensor, " context"]) -> Any:
    """The model's losses and scores."""
    p = logits[0, :-1].softmax(dim=-1)
    return {
        "model": losses(p, ids),
        "max_prob": p.max(dim=-1).values,
        "entropy": torch.special.entr(p).sum(dim=-1),
        "energy": -logits[0, :-1].logsumexp(dim=-1),
    }


def losses(
    p: Float[Tensor, "predictions vocab_size"], ids: Int[Tensor, " context"]
) -> Float[Tensor, " predictions"]:
    """−log2 of the next token's probability."""
    return -p.gather(1, ids[1:, None]).squeeze(1).log2()
