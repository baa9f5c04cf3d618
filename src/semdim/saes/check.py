"""Does an SAE belong to a model? Everything its metadata say is compared, and said in one line."""

from semdim.errors import MismatchError
from semdim.forward.hook_points import hook_label, start_layer
from semdim.models.facts import ModelFacts
from semdim.saes.facts import SAEFacts

# Names of the same weights, besides those that differ only in case or in the owner before "/".
_ALIASES = {
    "gpt2-small": "gpt2",
    "smollm2-135m-it": "smollm2-135m-instruct",
    "gemma-3-270m-pt": "gemma-3-270m",
}


def canonical_name(name: str) -> str:
    """One spelling for all names of the same model: google/gemma-2b and gemma-2b are one."""
    short = name.strip().rstrip("/").split("/")[-1].lower()
    return _ALIASES.get(short, short)


def check_fit(sae: SAEFacts, model: ModelFacts, *, context: int, prepend_bos: bool) -> None:
    """Refuse, with MismatchError, an SAE that was not trained for what it is about to read.

    Args:
        sae: facts of the exported SAE.
        model: facts of the exported model.
        context: tokens in a sequence, BOS included.
        prepend_bos: whether sequences start with BOS.

    A context longer than the SAE was trained with is refused, not warned about: at later positions
    its codes describe something it never saw. `context_size` in its source says otherwise.
    """
    if sae.model_name is not None and canonical_name(sae.model_name) != canonical_name(model.name):
        raise MismatchError(
            f"The SAE {sae.name} was trained on {sae.model_name}, not on {model.name}; choose an "
            "SAE trained on this model, or set the model's `name` if the weights are the same."
        )
    if sae.d_in != model.d_model:
        raise MismatchError(
            f"The SAE {sae.name} reads vectors of {sae.d_in} numbers, but the residual stream of "
            f"{model.name} has {model.d_model}."
        )
    start_layer(sae.hook_name, model.n_layers)
    if sae.vocab_size is not None and sae.vocab_size != model.vocab_size:
        raise MismatchError(
            f"The SAE {sae.name} was trained on a vocabulary of {sae.vocab_size} tokens, but "
            f"{model.name} has {model.vocab_size}: they are different models; choose an SAE "
            "trained on this model."
        )
    if sae.prepend_bos is not None and sae.prepend_bos != prepend_bos:
        raise MismatchError(
            f"The SAE {sae.name} was trained on sequences {_with(sae.prepend_bos)} BOS, but these "
            f"come {_with(prepend_bos)} it: choose another SAE."
        )
    if context > model.n_context:
        raise MismatchError(
            f"The context of {context} tokens is longer than the {model.n_context} that "
            f"{model.name} takes: choose at most {model.n_context} (tokens.context, --context)."
        )
    if sae.context_size is not None and context > sae.context_size:
        raise MismatchError(
            f"The context of {context} tokens is longer than the {sae.context_size} that the SAE "
            f"{sae.name} was trained with: choose at most {sae.context_size} "
            f"(tokens.context, --context), or allow more with `context_size` in its source."
        )


def check_hook(sae: SAEFacts, hook: str) -> None:
    """Refuse, with MismatchError, a probe whose ``hook`` is not what its SAE's metadata say."""
    expected = hook_label(sae.hook_name, sae.processing.as_dict())
    if hook != expected:
        raise MismatchError(
            f"The probe says hook: {hook}, but the SAE {sae.name} reads {expected}: write that "
            "into the probe's file in conf/probe."
        )


def _with(bos: bool) -> str:
    return "with" if bos else "without"
