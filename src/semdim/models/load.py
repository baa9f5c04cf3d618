"""Load an exported model into TransformerLens."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformer_lens import HookedTransformer
from transformer_lens.utilities.architectures import POST_NORM_ARCHITECTURES

from semdim.errors import MismatchError
from semdim.models.facts import check_backend, read_facts
from semdim.models.hooked_config import hooked_config
from semdim.models.quiet import quiet_bars
from semdim.models.spec import WeightProcessing
from semdim.models.tokenizer import load_tokenizer
from semdim.quoting import why
from semdim.reading import refused


def load_model(
    folder: Path | str,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    processing: WeightProcessing | None = None,
) -> HookedTransformer:
    """The model that `export_model` wrote to `folder`, for inference (no gradients, eval mode).

    Weights are converted and processed in float32 and cast to `dtype` afterwards, so bfloat16
    rounds once. The model carries its tokenizer; some add BOS by themselves
    unless told `add_special_tokens=False`.

    `processing` is applied as far as TransformerLens applies it when an SAE is trained: what it
    leaves out there, because the architecture would compute something else, is left out here with
    a warning.

    Args:
        folder: what `export_model` wrote.
        dtype: of weights and activations.
        device: "cpu", "cuda", "cuda:1", "mps".
        processing: what the SAE's metadata asks for; None leaves the weights as they are.

    Raises:
        ArtifactError: nothing was exported there, or it is damaged.
        MismatchError: the architecture, or a variant of it, is unknown to TransformerLens,
            or the export found that TransformerLens computes something else.
    """
    folder = Path(folder).absolute()
    facts = read_facts(folder)
    check_backend(facts, "transformer_lens")
    source = _load_transformers(folder)
    config = hooked_config(source.config, facts, device="cpu", dtype=torch.float32)
    applied = _applicable(processing or WeightProcessing(), config)
    state = _state_dict(source, config)
    del source
    model = HookedTransformer(config, tokenizer=None, move_to_device=False)
    weights = _processed(model, state, applied)
    del state
    for name in list(weights):
        tensor = weights.pop(name)
        weights[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    # One walk, and by assignment: the empty tensors that the model came with are never touched.
    try:
        missing = model.load_state_dict(weights, strict=False, assign=True).missing_keys
    except RuntimeError as error:  # shapes
        raise MismatchError(
            f"TransformerLens cannot take this {config.original_architecture}'s weights: "
            f"{why(error)}."
        ) from error
    del weights
    if missing:
        raise MismatchError(f"TransformerLens leaves {', '.join(missing[:5])} of this model empty.")
    model.tokenizer = load_tokenizer(folder)
    torch.nn.Module.to(model, device)
    model.cfg.device, model.cfg.dtype = device, dtype
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.eval()


def _processed(
    model: HookedTransformer, state: dict[str, torch.Tensor], applied: WeightProcessing
) -> dict[str, torch.Tensor]:
    """The tensors that TransformerLens would load into `model`.

    It loads them one at a time and walks all modules for each, seconds for thirty blocks; so its
    processing runs as it is, and only the loading is caught.
    """
    caught: dict[str, torch.Tensor] = {}

    def catch(part: dict[str, torch.Tensor], **_: Any) -> None:
        caught.update(part)

    model.__dict__["load_state_dict"] = catch
    try:
        model.load_and_process_state_dict(state, **applied.as_dict())
    finally:
        del model.__dict__["load_state_dict"]
    return caught


def _applicable(wanted: WeightProcessing, config: Any) -> WeightProcessing:
    """What TransformerLens itself would carry out of `wanted`; a warning names the rest."""
    post_norm = config.original_architecture in POST_NORM_ARCHITECTURES
    layer_norm = config.normalization_type == "LN" and not config.final_rms
    soft_cap = config.output_logits_soft_cap > 0
    applied = replace(
        wanted,
        fold_ln=wanted.fold_ln and not post_norm,
        center_writing_weights=wanted.center_writing_weights and layer_norm and not post_norm,
        center_unembed=wanted.center_unembed and not soft_cap,
    )
    left = [key for key, value in wanted.as_dict().items() if value != applied.as_dict()[key]]
    if left:
        warnings.warn(
            f"{', '.join(left)}: asked for by the SAE, but without effect on "
            f"{config.original_architecture} (TransformerLens also left it out in training).",
            stacklevel=3,
        )
    return applied


def _load_transformers(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    with quiet_bars():
        try:
            return AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
        except Exception as error:  # of transformers, safetensors, json
            raise refused(folder, "an exported model", error, "delete it and rerun") from error


def _state_dict(source: Any, config: Any) -> dict[str, torch.Tensor]:
    """The weights under TransformerLens's names."""
    from transformer_lens.loading_from_pretrained import get_pretrained_state_dict

    # The name only guards lookups that a model in hand makes unnecessary; any official one will do.
    try:
        return get_pretrained_state_dict("gpt2", config, hf_model=source)
    except Exception as error:  # whatever a variant that it does not know leads to
        raise MismatchError(
            f"TransformerLens cannot convert this {config.original_architecture}: {why(error)}."
        ) from error
