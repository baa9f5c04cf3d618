"""What the rest of the pipeline needs to know about an exported SAE, kept beside its weights."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semdim.errors import MismatchError
from semdim.models.facts import typed_facts
from semdim.models.spec import WeightProcessing

# Settings of the model's loading that change speed or memory but not what the SAE reads.
_HARMLESS = {
    "attn_implementation",
    "cache_dir",
    "device",
    "device_map",
    "dtype",
    "low_cpu_mem_usage",
    "n_devices",
    "torch_dtype",
    "trust_remote_code",
}


@dataclass(frozen=True)
class SAEFacts:
    """Facts of an exported SAE, from its own metadata (and SAELens's registry)."""

    name: str
    """What reports call it."""
    architecture: str
    """standard, jumprelu, gated or topk, as SAELens names them."""
    d_in: int
    """Width of the residual stream it reads."""
    dict_size: int
    """Atoms of the dictionary."""
    hook_name: str
    """TransformerLens's name of the hook point."""
    hook_layer: int
    """The block in `hook_name`."""
    start_layer: int
    """The first block that runs after the hook point (the L of resid_pre, L + 1 of resid_post)."""
    prepend_bos: bool | None
    """Whether it was trained on sequences that start with BOS; None: the metadata do not say."""
    context_size: int | None
    """Longest context it was trained with, in tokens (or the one that its source allows)."""
    model_name: str | None
    """The model it was trained on, as its metadata name it."""
    vocab_size: int | None
    """Size of that model's vocabulary, where the metadata say."""
    normalize_activations: str
    """How it normalised its input, before that was folded into the weights."""
    input_scale: float
    """The factor on its input that was folded into the weights; 1: none."""
    processing: WeightProcessing
    """How the model's weights must be processed for it."""
    apply_b_dec_to_input: bool
    """Whether the encoder subtracts the decoder's bias first."""
    constant_n_active: bool
    """True for TopK: every token has the same number of active atoms, so the number tells nothing
    about uncertainty."""
    mean_n_active: float | None
    """Mean number of active atoms that its card or registry states."""
    fingerprint: str
    """sha256 over the exported weights and the settings that decide what they compute."""
    source: dict[str, Any] = field(default_factory=dict)
    """The source it was exported from (`SAESource.as_dict`)."""


def read_facts(folder: Path | str) -> SAEFacts:
    """Facts of the SAE exported to `folder`; raises ArtifactError if there is none."""
    return typed_facts(Path(folder), "SAE", SAEFacts)


def read_processing(metadata: Mapping[str, Any]) -> WeightProcessing:
    """Weight processing that SAE metadata ask for (`model_from_pretrained_kwargs`).

    Raises MismatchError for a request that semdim does not carry out, instead of ignoring it.
    """
    wanted = dict(metadata.get("model_from_pretrained_kwargs") or {})
    names = {item.name for item in fields(WeightProcessing)}
    unknown = {
        key: value
        for key, value in wanted.items()
        if key not in names and key not in _HARMLESS and value not in (None, False)
    }
    if unknown:
        raise MismatchError(
            f"The SAE expects its model to be loaded with {unknown}, which semdim cannot do: it "
            f"supports {', '.join(sorted(names))}."
        )
    return WeightProcessing(**{key: bool(wanted[key]) for key in names & set(wanted)})


def fingerprint(weights: Mapping[str, Tensor], settings: Mapping[str, Any]) -> str:
    """sha256 over tensors (name, dtype, shape, bytes) and settings."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes: NumPy knows no bfloat16. The bytes of other dtypes are the same.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
