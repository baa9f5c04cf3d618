"""The plain procedure, as an experiment without a library of its own would write it.

One sequence at a time, two full forward passes in float32, the second with the SAE's reconstruction
put in by a hook, dense codes, and a log-softmax over the whole vocabulary.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Int32
from torch import Tensor

from bench.subjects import Subject


def plain_losses(
    subject: Subject, token_ids: Int32[Tensor, "sequences context"]
) -> dict[str, np.ndarray]:
    """Losses of ``model`` and ``sae`` in bits, [S, T − 1] each, and k, [S, T]."""
    found: dict[str, list[Tensor]] = {"model": [], "sae": [], "n_active": []}
    for ids in token_ids.to(subject.device).long():
        is_bos = ids == subject.bos_token_id
        is_bos[0] = True

        def splice(activation: Tensor, hook: Any, is_bos: Tensor = is_bos) -> Tensor:
            codes = subject.sae.encode(activation)
            found["n_active"].append((codes > 0).sum(dim=-1).cpu())
            rebuilt = subject.sae.decode(codes)
            rebuilt[:, is_bos] = activation[:, is_bos]
            return rebuilt

        with torch.no_grad():
            passes = {
                "model": subject.model(ids[None]),
                "sae": subject.model.run_with_hooks(
                    ids[None], fwd_hooks=[(subject.hook_name, splice)]
                ),
            }
            for name, logits in passes.items():
                log_p = logits[0, :-1].log_softmax(dim=-1)
                nll = -log_p.gather(1, ids[1:, None]).squeeze(1) / math.log(2)
                found[name].append(nll[None].cpu())
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}
