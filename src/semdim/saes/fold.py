"""Rewrite an SAE so that it encodes raw activations and its decoder rows have unit norm.

With unit rows a code c_j is the contribution ‖c_j d_j‖ of its atom, so codes of different atoms
compare, and the k largest codes are the k largest contributions.
"""

from typing import Any

import torch

from semdim.errors import MismatchError

SUPPORTED = ("standard", "jumprelu", "gated", "topk")
# Relative spread of decoder norms that still counts as "all the same" for TopK.
_SAME_NORM = 1e-5
_PER_TOKEN = ("layer_norm", "constant_norm_rescale")


def check_foldable(sae: Any, where: str) -> None:
    """Refuse, with MismatchError, an SAE whose codes cannot be decoded by one matrix and bias."""
    architecture = sae.cfg.architecture()
    if architecture not in SUPPORTED:
        raise MismatchError(
            f"The SAE {where} is of architecture {architecture!r}; semdim decodes codes with one "
            f"matrix and one bias, as {', '.join(SUPPORTED)} do."
        )
    if sae.cfg.normalize_activations in _PER_TOKEN:
        raise MismatchError(
            f"The SAE {where} normalises each token's input ({sae.cfg.normalize_activations}), so "
            "its stored codes cannot be decoded without that token's norm; choose an SAE that "
            "does not."
        )
    if sae.cfg.reshape_activations != "none":
        raise MismatchError(
            f"The SAE {where} reads attention heads ({sae.cfg.reshape_activations}), not the "
            "residual stream; choose an SAE for hook_resid_pre or hook_resid_post."
        )
    for name, tensor in sae.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise MismatchError(
                f"The SAE {where} has NaN or infinite values in {name}: get it "
                "again, or choose another one."
            )
    dead = (sae.W_dec.norm(dim=-1) < 1e-8).sum().item()
    if dead:
        raise MismatchError(
            f"The SAE {where} has {dead} atoms of norm 0, which cannot be scaled to unit norm: "
            "choose another one."
        )


@torch.no_grad()
def fold(sae: Any, input_scale: float | None, where: str) -> float:
    """Fold input scaling and decoder norms into the weights, in place.

    Args:
        sae: SAELens's SAE in float32.
        input_scale: factor on its input that is still to be folded, from the source.
        where: what to call it in errors.

    Returns the factor that was folded here, 1 if there was none.

    Raises MismatchError when the metadata ask for a factor that nobody states, or the norms of a
    TopK SAE's atoms cannot be folded without changing its choice of atoms.
    """
    check_foldable(sae, where)
    scaled = sae.cfg.normalize_activations
    if scaled == "none" and input_scale is not None:
        raise MismatchError(
            f"The SAE {where} does not scale its input (or SAELens's registry has folded its "
            f"factor), so `input_scale` = {input_scale} would be applied in error: remove it."
        )
    if scaled != "none" and (input_scale is None or scaled != "expected_average_only_in"):
        raise MismatchError(
            f"The SAE {where} expects its input normalised ({scaled}) but does not say by how "
            f"much: "
            + (
                "set `input_scale` in its source."
                if scaled == "expected_average_only_in"
                else "save it with the normalisation folded into its weights."
            )
        )
    if input_scale is not None:
        sae.fold_activation_norm_scaling_factor(input_scale)
    _fold_norms(sae, where)
    return 1.0 if input_scale is None else float(input_scale)


def _fold_norms(sae: Any, where: str) -> None:
    norms = sae.W_dec.double().norm(dim=-1)
    if sae.cfg.architecture() == "topk" and not sae.cfg.rescale_acts_by_decoder_norm:
        if float(norms.max() / norms.min()) - 1 > _SAME_NORM:
            raise MismatchError(
                f"The TopK SAE {where} chooses atoms before its decoder norms "
                f"({float(norms.min()):.4g} to {float(norms.max()):.4g}) take effect, so they "
                "cannot be folded into its encoder; train it with rescale_acts_by_decoder_norm."
            )
        sae.cfg.rescale_acts_by_decoder_norm = True  # the same choice: all norms are equal
    sae.fold_W_dec_norm()
