"""From a trained dictionary to the SAE that is shipped: folded, recalibrated, half precision."""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from sae_lens import SAE
from sae_lens.saes.sae import TrainingSAE
from safetensors.torch import save_file
from torch import Tensor

from semdim.errors import DataError
from semdim.training.recalibrate import recalibrate

MATRICES = ("W_enc", "W_dec")
HALF_MAX = 6e4


def finished_sae(
    trained: TrainingSAE[Any],
    folder: Path,
    *,
    held_out: Float[Tensor, "tokens d_model"],
    n_active: float,
    constant_n_active: bool,
    metadata: dict[str, Any],
) -> SAE[Any]:
    """Write the SAE in SAELens's format and return it as a reader of the folder gets it.

    The decoder's rows have unit norm and the input scale is in the weights already; the threshold
    is set on ``held_out`` after the matrices were rounded to half precision, so that what is
    calibrated is what is read. A dictionary whose number of active atoms is constant (TopK) has
    none. All is done on the device that the dictionary was trained on, and the SAE is returned
    there.
    """
    trained.save_inference_model(folder)
    device = str(trained.device)
    sae: SAE[Any] = SAE.load_from_disk(folder, device=device)
    with torch.no_grad():
        norms = sae.W_dec.norm(dim=1)  # one in training, before the input's map was folded in
        sae.fold_W_dec_norm()
        for name in MATRICES:
            _round(getattr(sae, name), name)
    if not constant_n_active:
        sae = recalibrate(sae, held_out, n_active=n_active, atom_scale=norms)
    write_sae(sae, folder, metadata)
    return SAE.load_from_disk(folder, device=device).eval()


def write_sae(sae: SAE[Any], folder: Path, metadata: dict[str, Any]) -> None:
    """cfg.json and sae_weights.safetensors, the two matrices in float16, the vectors in float32.

    SAELens reads them into float32, the dtype that cfg.json names.
    """
    for name, value in metadata.items():
        setattr(sae.cfg.metadata, name, value)
    state = sae.state_dict()
    sae.process_state_dict_for_saving(state)
    stored = {
        name: (value.half() if name in MATRICES else value.float()).contiguous()
        for name, value in state.items()
    }
    save_file(stored, folder / "sae_weights.safetensors")
    config = {**sae.cfg.to_dict(), "device": "cpu", "dtype": "float32"}
    (folder / "cfg.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


@torch.no_grad()
def _round(weight: Tensor, name: str) -> None:
    largest = float(weight.abs().max())
    if largest > HALF_MAX:
        raise DataError(
            f"{name} holds {largest:.3g}, beyond half precision: the input scale or the training "
            "went wrong."
        )
    weight.copy_(weight.half())
