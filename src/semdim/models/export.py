"""Export a model once: clean safetensors, tokenizer and facts in one folder, published whole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor

from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.forward.spec import BACKENDS
from semdim.models.agreement import (
    check_agreement,
    compared_length,
    evaluate,
    largest_difference,
    load_double,
    of_halves,
    of_transformers,
    sequences,
)
from semdim.models.facts import FACTS_FILE, ModelFacts, fingerprint_files, read_facts, write_facts
from semdim.models.publish import check_replaceable, publish_folder, sole_writer
from semdim.models.quiet import quiet_bars
from semdim.models.read import ReadModel, read_source
from semdim.models.source import model_digest
from semdim.models.spec import ModelSource
from semdim.models.vocabulary import no_text


def export_model(source: ModelSource, out: Path | str, *, context: int | None = None) -> ModelFacts:
    """Write the model of `source` to the folder `out`, or reuse what an earlier call wrote there.

    The folder holds config.json, model*.safetensors, the tokenizer and facts.json. It appears
    whole or not at all; an export of another source, of one whose files have changed, or one whose
    own weights have changed since, is replaced. Before it appears, its two halves are compared with
    the plain forward of transformers (`semdim.models.agreement`) on each back end. One that
    computes something else is refused whenever it is asked for; a model that none runs, here.

    Args:
        source: where the model is.
        out: folder to write.
        context: tokens in a sequence of the run, BOS included: so far the comparison reaches.
            None: past any sliding window.

    Raises:
        ConfigError: a package, folder or file that does not exist, or a BOS token that is missing.
        MismatchError: semdim cannot run the model, would compute something else than transformers,
            or not at this context.
        DataError: weights that are not whole, not finite, or not the configuration's.
        ArtifactError: `out` holds something else, or the model's package is damaged.
        HubError: the hub is needed and cannot be reached, or does not have the model.
    """
    out = Path(out).absolute()
    check_replaceable(out)  # before minutes of work, not after
    with sole_writer(out):
        return _finished(source, out, context) or _exported(source, out, context)


def _exported(source: ModelSource, out: Path, context: int | None) -> ModelFacts:
    with publish_folder(out) as fresh:
        with quiet_bars():
            read = read_source(source, fresh)
        check_context(context, read.n_context, _name(source))
        _set_bos(read.model, read.tokenizer, source)
        _save(read.model, read.tokenizer, fresh)
        facts = _facts(read, source, fresh, context)
        write_facts(fresh, facts)
        config, token_ids = read.model.config, _to_compare(read.tokenizer, facts)
        theirs = evaluate(of_transformers(read.model.float()), token_ids)
        del read  # two models need not be in memory
        facts = replace(facts, refused=_refused(theirs, token_ids, config, facts, fresh))
        write_facts(fresh, facts)
    return facts


def check_context(context: int | None, n_context: int, name: str) -> None:
    """Refuse, with MismatchError, sequences that are longer than the model takes."""
    if context is not None and context > n_context:
        raise MismatchError(
            f"The context of {context} tokens is longer than the {n_context} that {name} takes: "
            f"choose at most {n_context} (tokens.context, --context)."
        )


def _finished(source: ModelSource, out: Path, context: int | None) -> ModelFacts | None:
    """Facts of the export in `out` if nothing has changed: source, its files, and the weights."""
    if not (out / FACTS_FILE).is_file():
        return None
    try:
        facts = read_facts(out)
        intact = facts.fingerprint == fingerprint_files(out)
    except ArtifactError:
        return None
    if not intact or facts.source != source.as_dict():
        return None
    # A hub's cache may be gone; then its commit is not known, and the export is all there is.
    now = model_digest(source)
    if now and now != facts.origin:
        return None
    check_context(context, facts.n_context, facts.name)
    return facts if facts.compared_tokens >= (context or 0) else None


def _to_compare(tokenizer: Any, facts: ModelFacts) -> Int[np.ndarray, "2 length"]:
    return sequences(
        tokenizer,
        facts.vocab_size,
        bos_token_id=facts.bos_token_id,
        excluded=set(facts.special_token_ids),
        length=facts.compared_tokens,
    )


def _refused(
    theirs: list[Tensor],
    token_ids: Int[np.ndarray, "2 length"],
    config: Any,
    facts: ModelFacts,
    folder: Path,
) -> dict[str, str]:
    """Back ends on which the export in ``folder`` computes something else than the model it was
    made of, with the reason; MismatchError, where none runs it."""

    def rounding() -> float:
        exact = evaluate(of_transformers(load_double(folder)), token_ids)
        return largest_difference(theirs, exact)

    errors: dict[str, MismatchError] = {}
    different: dict[str, str] = {}
    for backend in BACKENDS:
        try:
            halves = of_halves(folder, facts.n_layers, backend)
        except MismatchError as error:  # loading says so each time, until the back end knows it
            errors[backend] = error
            continue
        try:
            ours = evaluate(halves, token_ids)
            check_agreement(ours, theirs, config=config, name=facts.name, rounding=rounding)
        except MismatchError as error:
            errors[backend], different[backend] = error, str(error)
    if len(errors) == len(BACKENDS):
        raise errors["transformer_lens"]  # the other one only does not know the architecture
    return different


def _set_bos(model: Any, tokenizer: Any, source: ModelSource) -> None:
    """One BOS id in config, generation config and tokenizer, so that every reader agrees."""
    bos = source.bos_token_id
    if bos is None:
        bos = tokenizer.bos_token_id
    if bos is None:
        bos = model.config.bos_token_id
    if bos is None:
        raise ConfigError(
            "The model's tokenizer names no BOS token: set `bos_token_id` in its source."
        )
    vocab_size = int(model.config.vocab_size)
    if not 0 <= bos < vocab_size:
        raise ConfigError(f"bos_token_id {bos} is outside the vocabulary of {vocab_size} tokens.")
    if tokenizer.bos_token_id != bos:
        tokenizer.bos_token = tokenizer.convert_ids_to_tokens(bos)
    model.config.bos_token_id = bos
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.bos_token_id = bos


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    model.config.architectures = [type(model).__name__]
    with quiet_bars():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _facts(read: ReadModel, source: ModelSource, folder: Path, context: int | None) -> ModelFacts:
    config, tokenizer = read.model.config, read.tokenizer
    vocab_size = int(config.vocab_size)
    return ModelFacts(
        name=_name(source),
        architecture=type(read.model).__name__,
        n_layers=int(config.num_hidden_layers),
        d_model=int(config.hidden_size),
        vocab_size=vocab_size,
        bos_token_id=int(tokenizer.bos_token_id),
        special_token_ids=no_text(tokenizer, vocab_size),
        n_context=read.n_context,
        compared_tokens=compared_length(config, read.n_context, context),
        fingerprint=fingerprint_files(folder),
        source=source.as_dict(),
        origin=model_digest(source),
    )


def _name(source: ModelSource) -> str:
    """The name that SAEs know the model by."""
    if source.name is not None:
        return source.name
    if source.kind == "hub":
        return str(source.repo)
    if source.kind == "random":
        return f"random-{source.architecture}"
    return Path(str(source.path)).expanduser().resolve().name
