"""Load an exported SAE: the whole of it to encode, or its decoder alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from semdim.errors import ArtifactError
from semdim.reading import reading
from semdim.saes.facts import read_facts
from semdim.saes.fetch import WEIGHTS_FILE, quiet_sae_lens


@dataclass(frozen=True)
class Decoder:
    """The affine map from codes to a reconstruction: ĥ = codes · weight + bias."""

    weight: Float[Tensor, "dict_size d_model"]
    """Atoms, one a row, of unit norm."""
    bias: Float[Tensor, " d_model"]
    """What no atom explains."""

    def to(self, device: str) -> "Decoder":
        """The same on ``device``."""
        return Decoder(self.weight.to(device), self.bias.to(device))


def load_sae(folder: Path | str, device: str = "cpu") -> Any:
    """The SAE that `export_sae` wrote to `folder`, in float32, ready for `encode(activations)`.

    Raises ArtifactError when nothing was exported there, or it is damaged.
    """
    from sae_lens import SAE

    folder = Path(folder)
    read_facts(folder)
    stored_weights(folder)
    expected = "an exported SAE"
    with quiet_sae_lens(), reading(folder, expected, f"delete {folder} and rerun"):
        sae = SAE.load_from_disk(folder, device=device, dtype="float32")
    for parameter in sae.parameters():
        parameter.requires_grad_(False)
    return sae.eval()


def load_decoder(folder: Path | str) -> Decoder:
    """Atoms and bias of the SAE exported to `folder`, float32 on the CPU.

    Raises ArtifactError when nothing was exported there, or it is damaged.
    """
    folder = Path(folder)
    read_facts(folder)
    weights = stored_weights(folder)
    return Decoder(weights["W_dec"].float(), weights["b_dec"].float())


def stored_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of an exported SAE; ArtifactError if they are missing or damaged."""
    from safetensors.torch import load_file

    advice = f"delete {folder} and rerun"
    with reading(folder / WEIGHTS_FILE, "the weights of an SAE", advice):
        weights = load_file(folder / WEIGHTS_FILE)
    if not {"W_enc", "W_dec", "b_dec"} <= set(weights):
        raise ArtifactError(f"{folder / WEIGHTS_FILE} is not an SAE: delete {folder} and rerun.")
    norms = weights["W_dec"].norm(dim=1)
    if not torch.allclose(norms, torch.ones_like(norms), atol=1e-4):
        raise ArtifactError(
            f"The atoms in {folder / WEIGHTS_FILE} do not have unit norm, so semdim did not write "
            f"them: delete {folder} and rerun."
        )
    return weights
