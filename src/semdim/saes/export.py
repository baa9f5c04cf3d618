"""Export an SAE once: SAELens's format, raw input, unit-norm atoms, with facts; published whole."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semdim.errors import ArtifactError, MismatchError
from semdim.forward.hook_points import start_layer
from semdim.models.facts import FACTS_FILE, write_facts
from semdim.models.publish import check_replaceable, publish_folder, sole_writer
from semdim.reading import reading
from semdim.records import from_plain, to_plain
from semdim.saes.facts import SAEFacts, fingerprint, read_facts, read_processing
from semdim.saes.fetch import LoadedSAE, load_source
from semdim.saes.fold import fold
from semdim.saes.load import stored_weights
from semdim.saes.spec import SAESource

_ANY_DEPTH = 1 << 30  # the model that the SAE will read is not known here


def export_sae(
    source: SAESource,
    out: Path | str,
    accept: Callable[[SAEFacts], None] | None = None,
) -> SAEFacts:
    """Write the SAE of `source` to the folder `out`, so that it encodes raw activations.

    The folder holds cfg.json, sae_weights.safetensors (float32) and facts.json, and appears whole
    or not at all. Input scaling and decoder norms are folded into the weights: the codes of the
    exported SAE times its decoder, plus its bias, are the original's reconstruction. An export
    that is there already is replaced when its content would differ. `accept` is shown the facts
    before anything is written and may refuse them by raising: then what is there stays.

    Raises:
        ConfigError: no such folder, release or sae_id.
        MismatchError: an SAE whose codes cannot be decoded affinely, or whose metadata lack what
            is needed to use it.
        ArtifactError: `out` holds something else.
        HubError: the hub is needed and cannot be reached.
    """
    out = Path(out).absolute()
    check_replaceable(out)
    loaded = load_source(source)
    name = source.name or _name(source)
    scale = loaded.input_scale * fold(loaded.sae, source.input_scale, name)
    # Metadata are anybody's: a hook point may be a list, a context a word.
    with reading(name, "an SAE", "correct the metadata in its cfg.json", MismatchError):
        facts = facts_of(
            loaded, name, scale,
            context_size=source.context_size,
            mean_n_active=source.mean_n_active,
            source=source.as_dict(),
        )  # fmt: skip
        from_plain(to_plain(facts), SAEFacts, f"The SAE {name}")
    if accept is not None:
        accept(facts)
    with sole_writer(out):
        if not _is_there(out, facts, loaded.sae.state_dict()):
            _write(loaded, facts, out)
    return facts


def _write(loaded: LoadedSAE, facts: SAEFacts, out: Path) -> None:
    if facts.constant_n_active:
        warnings.warn(
            f"{facts.name} is a TopK SAE: every token has the same number of active atoms, so the "
            f"uncertainty study will be empty.",
            stacklevel=3,
        )
    with publish_folder(out) as fresh:
        loaded.sae.save_model(fresh)
        write_facts(fresh, facts)


def facts_of(
    loaded: LoadedSAE,
    name: str,
    scale: float,
    *,
    context_size: int | None = None,
    mean_n_active: float | None = None,
    source: Mapping[str, Any] | None = None,
) -> SAEFacts:
    """Facts of an SAE that was folded.

    Args:
        loaded: the SAE after `fold`, with what was known of it before.
        name: what reports are to call it.
        scale: the factor on its input that was folded into the weights, in all.
        context_size: longest context to accept, instead of the one its metadata name.
        mean_n_active: stated mean k, instead of that of its card.
        source: where it comes from.

    Raises:
        MismatchError: its metadata name no hook point, or ask for what semdim cannot do.
    """
    config = loaded.sae.cfg
    metadata = config.metadata.to_dict()
    hook_name = metadata.get("hook_name")
    if not hook_name:
        raise MismatchError(
            f"The metadata of the SAE {name} name no hook point: write `hook_name` into its "
            f"cfg.json."
        )
    start = start_layer(str(hook_name), _ANY_DEPTH)
    processing = read_processing(metadata)
    settings = {
        "architecture": config.architecture(),
        "apply_b_dec_to_input": config.apply_b_dec_to_input,
        "hook_name": hook_name,
        "k": getattr(config, "k", None),
        "processing": processing.as_dict(),
    }
    return SAEFacts(
        name=name,
        architecture=config.architecture(),
        d_in=int(config.d_in),
        dict_size=int(config.d_sae),
        hook_name=str(hook_name),
        hook_layer=int(str(hook_name).split(".")[1]),
        start_layer=start,
        prepend_bos=metadata.get("prepend_bos"),
        context_size=context_size or metadata.get("context_size"),
        model_name=metadata.get("model_name"),
        vocab_size=metadata.get("vocab_size") or metadata.get("d_vocab"),
        normalize_activations=loaded.normalize_activations,
        input_scale=scale,
        processing=processing,
        apply_b_dec_to_input=bool(config.apply_b_dec_to_input),
        constant_n_active=config.architecture() == "topk",
        mean_n_active=mean_n_active or loaded.mean_n_active,
        fingerprint=fingerprint(loaded.sae.state_dict(), settings),
        source=dict(source or {}),
    )


def _is_there(out: Path, facts: SAEFacts, weights: Mapping[str, Tensor]) -> bool:
    """Whether `out` holds just this export, weights included."""
    if not (out / FACTS_FILE).is_file():
        return False
    try:
        stored = stored_weights(out)
        return (
            read_facts(out) == facts
            and stored.keys() == weights.keys()
            and all(torch.equal(stored[name], weights[name]) for name in stored)
        )
    except ArtifactError:
        return False


def _name(source: SAESource) -> str:
    if source.kind == "release":
        return f"{source.release}/{source.sae_id}"
    if source.kind == "folder":
        return Path(str(source.path)).expanduser().resolve().name
    return "random"
