"""The tiny random model in memory with an SAE that fits it, for tests of the whole way through."""

from pathlib import Path
from typing import Any

import torch
from sae_factory import random_sae
from transformer_lens import HookedTransformer

from semdim.models.export import export_model
from semdim.models.load import load_model
from semdim.models.spec import ModelSource

HOOK = "blocks.1.hook_resid_post"


def tiny_model(folder: Path, dtype: torch.dtype = torch.float32) -> HookedTransformer:
    """Three blocks of width 24 with a tokenizer of 500 tokens."""
    source = ModelSource(
        kind="random", architecture="llama", n_layers=3, d_model=24, n_heads=2, vocab_size=500,
        n_context=64, seed=0,
    )  # fmt: skip
    if not folder.exists():
        export_model(source, folder)
    return load_model(folder, dtype=dtype)


def fitting_sae(architecture: str = "jumprelu", **metadata: Any) -> Any:
    """A random SAE at `HOOK`, atoms of different norms; about half of them active."""
    return random_sae(architecture, metadata={"hook_name": HOOK, "prepend_bos": True} | metadata)
