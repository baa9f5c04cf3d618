"""Load an exported model into TransformerLens."""

import logging
from pathlib import Path
from typing import Any

import torch
from transformer_lens import HookedTransformer

from semdim.errors import ArtifactError, MismatchError
from semdim.models.facts import read_facts
from semdim.models.hooked_config import hooked_config
from semdim.models.quiet import quiet_bars
from semdim.models.spec import WeightProcessing

# Their norms sit on a sublayer's output, so neither folding nor centring keeps the function.
_POST_NORM = ("Gemma2ForCausalLM", "Gemma3ForCausalLM", "Olmo2ForCausalLM", "Olmo3ForCausalLM")


def load_model(
    folder: Path | str,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    processing: WeightProcessing | None = None,
) -> HookedTransformer:
    """The model that `export_model` wrote to `folder`, for inference (no gradients, eval mode).

    Weights are converted and processed in float32 and cast to `dtype` afterwards, so bfloat16
    rounds once. The model carries its tokenizer, which adds no BOS of its own.

    Args:
        folder: what `export_model` wrote.
        dtype: of weights and activations.
        device: "cpu", "cuda", "cuda:1", "mps".
        processing: what the SAE's metadata asks for; None leaves the weights as they are.

    Raises:
        ArtifactError: nothing was exported there, or it is damaged.
        MismatchError: the architecture is unknown to TransformerLens, or does not allow the
            processing that the SAE asks for.
    """
    folder = Path(folder).absolute()
    processing = processing or WeightProcessing()
    facts = read_facts(folder)
    _check_processing(processing, facts.architecture)
    source = _load_transformers(folder)
    config = hooked_config(source.config, facts, device="cpu", dtype=torch.float32)
    state = _state_dict(source, config)
    del source
    model = HookedTransformer(config, tokenizer=None, move_to_device=False)
    model.load_and_process_state_dict(
        state,
        fold_ln=processing.fold_ln,
        center_writing_weights=processing.center_writing_weights,
        center_unembed=processing.center_unembed,
        fold_value_biases=processing.fold_value_biases,
    )
    del state
    tokenizer = load_tokenizer(folder)
    model.tokenizer = tokenizer
    model.to(dtype, print_details=False)
    model.to(device, print_details=False)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer that `export_model` wrote to `folder`."""
    from transformers import AutoTokenizer

    folder = Path(folder).absolute()
    read_facts(folder)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"The tokenizer in {folder} is damaged: delete it and rerun."
        ) from error


def _check_processing(processing: WeightProcessing, architecture: str) -> None:
    """Refuse what TransformerLens would otherwise skip with a warning."""
    if architecture in _POST_NORM and (processing.fold_ln or processing.center_writing_weights):
        raise MismatchError(
            f"The SAE asks for fold_ln or center_writing_weights, which {architecture} does not "
            f"allow (its norms follow the sublayers): it was trained on another model."
        )


def _load_transformers(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    with quiet_bars():
        try:
            return AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ArtifactError(
                f"The model exported to {folder} cannot be loaded ({reason}): delete it and rerun."
            ) from error


def _state_dict(source: Any, config: Any) -> dict[str, torch.Tensor]:
    """The weights under TransformerLens's names."""
    from transformer_lens.loading_from_pretrained import get_pretrained_state_dict

    # The name only guards lookups that a model in hand makes unnecessary; any official one will do.
    level = logging.getLogger().level
    try:
        return get_pretrained_state_dict("gpt2", config, hf_model=source)
    except (ValueError, NotImplementedError) as error:
        raise MismatchError(f"TransformerLens cannot convert this model: {error}") from error
    finally:
        logging.getLogger().setLevel(level)
