"""Can semdim run a model of this configuration? Asked before a weight is read or copied."""

import copy
from types import SimpleNamespace
from typing import Any

from semdim.errors import MismatchError

#: What is known to run; others are tried.
TESTED = "GPT-2, GPT-NeoX (Pythia), Llama, Mistral, Qwen 2 and 3, Phi-3, Gemma 1, 2 and 3"
# Parts of configurations of models that read more than text.
_OTHER_INPUTS = ("vision_config", "audio_config", "image_token_index", "image_token_id")
# Names under which configurations of transformers keep the longest sequence.
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")


def check_config(config: Any, name: str) -> int:
    """Refuse a model that semdim cannot run, by its configuration alone.

    Args:
        config: of transformers.
        name: what to call the model in errors.

    Returns the longest sequence that both the model and semdim take, in tokens.

    Raises:
        MismatchError: it is quantised, reads images or sound, has no layers, or is of an
            architecture that cannot be split.
    """
    quantised = getattr(config, "quantization_config", None)
    if quantised:
        kind = quantised.get("quant_method") if isinstance(quantised, dict) else None
        raise MismatchError(
            f"{name} is quantised ({kind or getattr(quantised, 'quant_method', 'unknown')}): "
            "semdim reads floating-point safetensors and GGUF files; choose the model's original "
            "checkpoint."
        )
    if any(getattr(config, key, None) is not None for key in _OTHER_INPUTS):
        raise MismatchError(
            f"{name} reads more than text ({type(config).__name__}): semdim measures only "
            "language models; choose a text-only checkpoint of the family."
        )
    n_layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(n_layers, int) or n_layers < 1:
        raise MismatchError(
            f"{name} has num_hidden_layers = {n_layers} in its config.json: a model must have at "
            "least one layer to be split."
        )
    return _supported_context(config, name)


def causal_class(config: Any, name: str) -> str:
    """Name of the class that AutoModelForCausalLM makes of ``config``.

    Raises:
        MismatchError: there is none.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise MismatchError(
            f"{name} is not a language model that predicts the next token ({config.model_type}): "
            f"semdim runs {TESTED}."
        )
    found: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    return str((found[0] if isinstance(found, tuple) else found).__name__)


def _supported_context(config: Any, name: str) -> int:
    """The longest sequence, after asking the back end whether it knows the architecture."""
    config = copy.deepcopy(config)
    config.architectures = [causal_class(config, name)]
    try:
        ours = context_of_transformer_lens(config, name)
    except MismatchError as error:
        raise MismatchError(f"{name} cannot be run: {error} Tested: {TESTED}.") from error
    contexts = [getattr(config, key, None) for key in _CONTEXT_KEYS]
    return min(int(value) for value in [*contexts, ours] if value)


def context_of_transformer_lens(config: Any, name: str) -> int:
    """The longest sequence that TransformerLens takes of a model of this configuration.

    Raises:
        MismatchError: it does not know the architecture or this variant of it.
    """
    import torch

    from semdim.models.hooked_config import hooked_config

    named = SimpleNamespace(architecture=config.architectures[0], name=name)
    return int(hooked_config(config, named, device="cpu", dtype=torch.float32).n_ctx)
