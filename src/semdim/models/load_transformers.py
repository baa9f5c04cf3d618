"""Load an exported model as transformers has it."""

from pathlib import Path
from typing import Any

import torch

from semdim.errors import ArtifactError
from semdim.models.facts import check_backend, read_facts
from semdim.models.quiet import quiet_bars
from semdim.reading import refused


def load_transformers(
    folder: Path | str, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Any:
    """The model that `export_model` wrote to `folder`, for inference (no gradients, eval mode).

    Attention is SDPA, where the architecture has it (Gemma 2 caps its scores, which SDPA cannot).

    Args:
        folder: what `export_model` wrote.
        dtype: of the weights; what is computed from settings, such as rotary frequencies, stays in
            float32.
        device: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ArtifactError: nothing was exported there, or it is damaged, or weights are missing.
        MismatchError: the export found that semdim's blocks compute something else.
    """
    from transformers import AutoModelForCausalLM

    folder = Path(folder).absolute()
    check_backend(read_facts(folder), "transformers")
    with quiet_bars():
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                output_loading_info=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
        except Exception as error:  # of transformers, safetensors, json
            raise refused(folder, "an exported model", error, "delete it and rerun") from error
    model, found = loaded
    missing = sorted(found["missing_keys"])
    if missing:
        raise ArtifactError(
            f"The model exported to {folder} lacks weights ({', '.join(missing[:5])}): delete it "
            "and rerun."
        )
    return model.to(device).eval().requires_grad_(False)
