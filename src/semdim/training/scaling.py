"""What a dictionary sees of an activation, and so which errors its training counts.

The squared error of the raw residual stream is the error of its widest directions: in Gemma 3 270M
one dimension of 640 holds 72 % of the variance at layer 9, and the loss depends on it fifteen times
less than on the usual one. An SAE can explain 97 % of such a stream and still cost the model a bit.
The other choices are linear maps z = (h − mean) M that SAELens applies in training and folds into
the weights at the end: the finished SAE takes raw activations all the same.
"""

import torch
from jaxtyping import Float, Int
from sae_lens.training.activation_scaler import ActivationScaler, ActivationWhitening
from torch import Tensor

from semdim.atoms.gradient import summed_loss
from semdim.errors import ConfigError
from semdim.forward.split import SplitModel

FLOOR = 1e-3
"""A spread or a sensitivity counts as no less than this share of the median one."""
BATCH = 8  # windows of a backward pass: all logits of a batch are in memory


def input_scaler(
    kind: str,
    sample: Float[Tensor, "tokens d_model"],
    mean_norm: float,
    sensitivity: Float[Tensor, " d_model"] | None = None,
) -> ActivationScaler:
    """How activations are mapped before a dictionary sees them.

    Args:
        kind: ``scaled`` – to norm √d on average, SAELens's ``expected_average_only_in``;
            ``per_dimension`` – each dimension over its standard deviation; ``sensitivity`` – each
            dimension times the root mean square of the loss's gradient there; ``whitened`` – to
            unit covariance (arXiv:2511.13981).
        sample: activations that mean and spread are taken from.
        mean_norm: their mean norm.
        sensitivity: what `loss_sensitivity` says of the model; needed by the kind of that name.

    Raises:
        ConfigError: the sensitivity is needed and missing.
    """
    rows = sample.double()
    d_model = rows.shape[1]
    if kind == "scaled":
        return ActivationScaler(scaling_factor=d_model**0.5 / mean_norm)
    mean = rows.mean(dim=0)
    if kind == "whitened":
        variance, directions = torch.linalg.eigh(torch.cov(rows.T))
        spread = _floored(variance.clamp(min=0).sqrt())
        matrix, inverse = directions / spread, spread[:, None] * directions.T
    else:
        if kind == "per_dimension":
            weight = 1 / _floored(rows.std(dim=0))
        elif sensitivity is not None:
            weight = _floored(sensitivity.double().cpu())
        else:
            raise ConfigError(f"dictionary.input = {kind} needs the gradient of the model's loss.")
        total = ((rows - mean) * weight).pow(2).sum(dim=1).mean()
        weight = weight * (d_model / total).sqrt()
        matrix, inverse = torch.diag(weight), torch.diag(1 / weight)
    return ActivationScaler(
        whitening=ActivationWhitening(mean, matrix.contiguous(), inverse.contiguous())
    )


def loss_sensitivity(
    split: SplitModel, token_ids: Int[Tensor, "windows context"]
) -> Float[Tensor, " d_model"]:
    """Root mean square of ∂(summed loss)/∂h per dimension, position 0 left out, bits per unit.

    To second order the loss that an error e costs is eᵀHe/2; its diagonal H is taken as that of the
    Fisher matrix, E[g²].
    """
    total = torch.zeros(split.d_model, dtype=torch.float64)
    n_tokens = 0
    for ids in token_ids.split(BATCH):
        start = split.prefix(ids)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = start.clone().requires_grad_(True)
            summed_loss(split, leaf, ids).backward()
        assert leaf.grad is not None
        gradient = leaf.grad[:, 1:].flatten(0, 1).double().cpu()
        total += gradient.pow(2).sum(dim=0)
        n_tokens += len(gradient)
    return (total / n_tokens).sqrt()


def _floored(spread: Float[Tensor, " d_model"]) -> Float[Tensor, " d_model"]:
    return spread.clamp(min=FLOOR * float(spread.median()))
