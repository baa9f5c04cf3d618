"""Random SAEs of every architecture, in SAELens's own format."""

from pathlib import Path
from typing import Any

import torch

D_IN, DICT_SIZE = 24, 96
METADATA = {
    "model_name": "gpt2-small",
    "hook_name": "blocks.1.hook_resid_post",
    "prepend_bos": True,
    "context_size": 64,
}


def random_sae(
    architecture: str, *, unit: bool = False, metadata: dict[str, Any] | None = None, **config: Any
) -> Any:
    """An SAE of SAELens with random weights and, unless `unit`, atoms of different norms."""
    from sae_lens.registry import get_sae_class
    from sae_lens.saes.sae import SAEMetadata

    sae_class, config_class = get_sae_class(architecture)
    if architecture == "topk":
        config = {"k": 8, **config}
    about = SAEMetadata(**(METADATA if metadata is None else metadata))
    sae = sae_class(config_class(d_in=D_IN, d_sae=DICT_SIZE, metadata=about, **config))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in sae.named_parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.3)
            if name == "threshold":
                weight.abs_()
        sae.W_dec /= sae.W_dec.norm(dim=1, keepdim=True)
        if not unit:
            sae.W_dec *= 0.5 + 3 * torch.rand(DICT_SIZE, 1, generator=generator)
    return sae


def sae_folder(folder: Path, architecture: str, **settings: Any) -> Any:
    """Save a random SAE to `folder`; returns it."""
    sae = random_sae(architecture, **settings)
    sae.save_model(folder)
    return sae


def activations(n: int = 200) -> torch.Tensor:
    return torch.randn(n, D_IN, generator=torch.Generator().manual_seed(8)) * 3
