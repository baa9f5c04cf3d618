"""What a dictionary sees of an activation, and so which errors its training counts.

The squared error of the raw residual stream is the error of its widest directions: in Gemma 3 270M
one dimension of 640 holds 72 % of the variance at layer 9, and the norm that reads it gives it a
twentieth of the usual weight. An SAE can explain 97 % of such a stream and still cost the model a
bit. The other choices are linear maps z = (h − mean) M that SAELens applies in training and folds
into the weights at the end: the finished SAE takes raw activations all the same.
"""

from typing import Any

import torch
from jaxtyping import Float
from sae_lens.training.activation_scaler import ActivationScaler, ActivationWhitening
from torch import Tensor

from semdim.engine.split import SplitModel
from semdim.errors import ConfigError

FLOOR = 1e-3
"""A dimension or direction counts at most as if its spread were this share of the median one."""


def input_scaler(
    kind: str,
    sample: Float[Tensor, "tokens d_model"],
    mean_norm: float,
    norm_weight: Float[Tensor, " d_model"] | None,
) -> ActivationScaler:
    """How activations are mapped before a dictionary sees them.

    Args:
        kind: ``scaled`` – to norm √d on average, SAELens's ``expected_average_only_in``;
            ``per_dimension`` – each dimension over its standard deviation; ``next_norm`` – each
            dimension times its weight in the norm that reads the stream next; ``whitened`` – to
            unit covariance (arXiv:2511.13981).
        sample: activations that mean and spread are taken from.
        mean_norm: their mean norm.
        norm_weight: what `next_norm_weight` says of the model, for ``next_norm``.

    Raises:
        ConfigError: ``next_norm`` for a model whose norm has no weights (they may be folded).
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
        else:
            if norm_weight is None:
                raise ConfigError(
                    "dictionary.input = next_norm needs a model whose norms have weights; choose "
                    "per_dimension, which needs none."
                )
            weight = _floored(norm_weight.double().cpu().abs())
            variance = ((rows - mean) * weight).pow(2).sum(dim=1).mean()
            weight *= (d_model / variance).sqrt()
        matrix, inverse = torch.diag(weight), torch.diag(1 / weight)
    return ActivationScaler(
        whitening=ActivationWhitening(mean, matrix.contiguous(), inverse.contiguous())
    )


def next_norm_weight(split: SplitModel) -> Float[Tensor, " d_model"] | None:
    """Weights of the norm that reads the residual stream at the hook point first, if it has any."""
    model: Any = split.model
    last = split.start_layer == model.cfg.n_layers
    norm = getattr(model, "ln_final", None) if last else model.blocks[split.start_layer].ln1
    weight = getattr(norm, "w", None)
    return weight.detach() if isinstance(weight, Tensor) else None


def _floored(spread: Float[Tensor, " d_model"]) -> Float[Tensor, " d_model"]:
    return spread.clamp(min=FLOOR * float(spread.median()))
