"""What the loss owes to each atom: a first-order estimate of ablating it, for all atoms at once.

Ablating atom j at token t moves the reconstruction by −c_tj·d_j, so the summed loss L rises by
about −c_tj·⟨d_j, ∂L/∂ĥ_t⟩. One backward pass gives this for every atom, where true ablation needs
one forward pass for each (attribution patching; Nanda 2023, Syed et al. 2023).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semdim.codes.sparse import Codes
from semdim.forward.next_token import LN2
from semdim.forward.split import SplitModel
from semdim.proxies.reconstruct import Reconstructor


def summed_loss(
    split: SplitModel,
    start: Float[Tensor, "batch context d_model"],
    token_ids: Int[Tensor, "batch context"],
) -> Float[Tensor, ""]:
    """Bits of all predictions of a batch, differentiable in ``start``."""
    residual = split.run_suffix(start)[:, :-1].flatten(0, 1)
    targets = token_ids[:, 1:].reshape(-1).to(split.device).long()
    logits = split.run_logits(residual).float()
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum") / LN2


def batch_importance(
    split: SplitModel,
    reconstruct: Reconstructor,
    activation: Float[Tensor, "batch context d_model"],
    codes: Codes,
    token_ids: Int[Tensor, "batch context"],
    is_bos: Bool[Tensor, "batch context"],
) -> Float[Tensor, " dict_size"]:
    """Estimated rise of the batch's summed loss, bits, when each atom is ablated everywhere.

    Positions that the splice lets through count for nothing: ablation changes nothing there.
    """
    with torch.inference_mode(False), torch.enable_grad():
        flat = activation.flatten(0, 1).clone()
        start = reconstruct(flat, codes, is_bos.flatten()).view_as(activation).clone()
        start.requires_grad_(True)
        summed_loss(split, start, token_ids).backward()
    assert start.grad is not None
    gradient = start.grad.flatten(0, 1).float()
    rows, atoms = codes.row_of, codes.atoms.long()
    rise = -codes.values * (gradient[rows] * reconstruct.weight[atoms]).sum(dim=-1)
    if reconstruct.proxy.splice == "no_bos":
        rise = rise.masked_fill(is_bos.flatten()[rows], 0.0)
    total = torch.zeros(codes.dict_size, dtype=torch.float64, device=rise.device)
    return total.index_add_(0, atoms, rise.double()).cpu()
