"""Put the mean number of active atoms on target, on text that was not trained on."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from sae_lens import SAE
from torch import Tensor

from semdim.errors import DataError

ROWS = 2048
SAMPLE_ROWS = 16_384


@torch.no_grad()
def pre_activations(
    sae: SAE[Any], activations: Float[Tensor, "tokens d_model"]
) -> Iterator[Float[Tensor, "rows dict_size"]]:
    """What the threshold is compared with, in blocks of rows (raw input, scale folded in).

    Of a gated SAE: the gate, zero where the magnitude is not positive, since that atom is not
    active however wide its gate is open.
    """
    for rows in activations.split(ROWS):
        sae_in = sae.process_sae_in(rows.to(sae.device).float())
        if sae.cfg.architecture() != "gated":
            yield sae_in @ sae.W_enc + sae.b_enc
            continue
        magnitude = sae_in @ (sae.W_enc * sae.r_mag.exp()) + sae.b_mag
        yield (sae_in @ sae.W_enc + sae.b_gate).masked_fill_(magnitude <= 0, 0.0)


@torch.no_grad()
def recalibrate(
    sae: SAE[Any],
    activations: Float[Tensor, "tokens d_model"],
    *,
    n_active: float,
    atom_scale: Float[Tensor, " dict_size"] | None = None,
) -> SAE[Any]:
    """An SAE whose one threshold gives a mean of ``n_active`` atoms on ``activations``.

    The threshold is one in the units of training: an atom that folding made ``atom_scale`` times
    as large there has as many times the threshold. None: all have the same.

    A JumpReLU SAE gets a new threshold; a standard one (ReLU) becomes a JumpReLU SAE, since a
    threshold of zero leaves its L0 to the L1 penalty; a gated one stays gated, and the threshold is
    taken off the biases of its gates. The mean counts atoms whose pre-activation is positive and
    above the threshold.

    Raises:
        DataError: even a threshold of zero leaves fewer atoms active than wanted.
    """
    sample = activations
    if len(sample) > SAMPLE_ROWS:
        generator = torch.Generator().manual_seed(0)
        sample = activations[torch.randperm(len(activations), generator=generator)[:SAMPLE_ROWS]]
    if atom_scale is None:
        atom_scale = torch.ones(sae.cfg.d_sae, device=sae.device)
    threshold = _threshold(sae, sample, n_active, atom_scale) * atom_scale
    state, config = sae.state_dict(), sae.cfg.to_dict()
    if sae.cfg.architecture() == "gated":
        state["b_gate"] = state["b_gate"] - threshold
    else:
        state["threshold"] = threshold
        config["architecture"] = "jumprelu"
    result: SAE[Any] = SAE.from_dict(copy.deepcopy(config))
    result.load_state_dict({name: value.clone() for name, value in state.items()})
    return result.eval()


def _threshold(
    sae: SAE[Any],
    sample: Float[Tensor, "tokens d_model"],
    n_active: float,
    atom_scale: Float[Tensor, " dict_size"],
) -> float:
    """Halfway between the last value to keep and the first to drop, over all entries at once."""
    wanted = n_active * len(sample)
    blocks = [(block / atom_scale)[block > 0] for block in pre_activations(sae, sample)]
    positive = torch.cat(blocks)
    if len(positive) < wanted:
        raise DataError(
            f"The SAE has only {len(positive) / len(sample):.1f} positive pre-activations per "
            f"token on the held-out text, fewer than the {n_active} wanted: train it longer, with "
            "a larger dictionary or a smaller sparsity penalty."
        )
    n_kept = round(wanted)
    if n_kept >= len(positive):
        return 0.0
    last_kept, first_dropped = positive.topk(n_kept + 1).values[-2:].double().tolist()
    return float((last_kept + first_dropped) / 2)
