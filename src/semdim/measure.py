"""Token ids, a model, an SAE and proxies in; a ledger out. The function in the middle of semdim.

`measure` does in memory what the pipeline's stages do on the disk, by the same functions (one by
one in `semdim.steps`): its ledger is that of the pipeline to the bit.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Int, Int64
from torch import Tensor

from semdim.artifacts.memory import MemoryPlace
from semdim.bounds.validation import check_smoothing
from semdim.errors import ConfigError, DataError
from semdim.forward.backend import Backend, backend_of, check_kind, unwrapped
from semdim.forward.layout import left_as_it_is
from semdim.forward.split import SplitModel
from semdim.ledger.facts import LedgerFacts
from semdim.ledger.memory import Ledger
from semdim.models.facts import ModelFacts
from semdim.progress import progress_bar
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import check_possible
from semdim.saes.check import check_fit
from semdim.saes.facts import fingerprint
from semdim.saes.memory import Probe, prepare_probe
from semdim.steps import Steps, nothing
from semdim.text.samples import TokenSample
from semdim.text.training_text import folders_that_tell
from semdim.tokens.given import bos_of, sample_of_ids, sample_of_texts
from semdim.tokens.sample import check_token_ids, sample_facts

if TYPE_CHECKING:
    from transformer_lens import HookedTransformer
    from transformers import PreTrainedModel

TokenIds = Int[Tensor, "sequences context"] | Int[np.ndarray, "sequences context"]


def measure(
    model: "HookedTransformer | PreTrainedModel",
    sae: Any,
    texts_or_token_ids: Sequence[str] | TokenIds | TokenSample,
    *,
    hook_name: str | None = None,
    proxies: Sequence[str] = ("model", "sae"),
    context: int = 128,
    splice: str = "no_bos",
    smoothing: float = 0.5,
    seed: int = 0,
    batch_sequences: int = 16,
    shard_sequences: int = 64,
    max_sequences_per_document: int | None = None,
    n_tokens: int | None = None,
    documents: Sequence[int] | np.ndarray | Tensor | None = None,
    bos_token_id: int | None = None,
    tokenizer: Any = None,
    atom_order: Int[Tensor, " dict_size"] | Int[np.ndarray, " dict_size"] | None = None,
    progress: bool = True,
    corpus: str = "memory",
    of_model: ModelFacts | None = None,
    apart: bool = True,
) -> Ledger:
    """The ledger of a text under a model, with an SAE spliced in at its hook point.

    The model runs where it is and in its own dtype, and is afterwards what it was before; so is the
    SAE, which is folded in a copy. Models of TransformerLens and of transformers are run by a back
    end each (`semdim.forward.backend`), with the same ledger but for rounding. Activations are kept
    in the memory of the CPU meanwhile (tokens × d_model numbers of the model's dtype).

    Args:
        model: a HookedTransformer, loaded as the SAE expects it (with or without processed
            weights); a TransformerBridge, which runs its model of transformers; or a decoder as
            transformers' ``AutoModelForCausalLM`` loads it, which is
            given what the SAE's metadata ask for.
        sae: SAELens's object, or a folder in SAELens's format.
        texts_or_token_ids: texts, each a document, which are packed into sequences that start with
            BOS and never cross two documents; or ids, one sequence a row, BOS first; or a sample
            that is packed already (`semdim.text.corpus.sample_corpus`).
        hook_name: ``blocks.L.hook_resid_pre`` or ``_post``; None: where the SAE says.
        proxies: what is put at the hook point, a column of losses each; ``model`` is among them.
        context: tokens of a sequence, BOS included; ids bring their own.
        splice: ``no_bos`` lets special positions through, ``all`` replaces every one.
        smoothing: α of the columns ``kl_<proxy>``; losses are kept without smoothing.
        seed: of the order of the documents, and of proxies that draw at random.
        batch_sequences: sequences in one forward pass; rounding apart, it changes nothing.
        shard_sequences: sequences that are worked on together.
        max_sequences_per_document: of texts; None: all that they have.
        n_tokens: size of the sample, rounded up to whole sequences; None: all there is.
        documents: of ids: the document of each sequence; None: each is one of its own.
        tokenizer: for texts; None: the one that a HookedTransformer carries.
        bos_token_id: None: the tokenizer's; without one, the id that all sequences start with.
        atom_order: atoms, first the one that enters a pool first: for proxies ``pool_<P>`` and the
            column ``deepest_rank``.
        progress: show a bar on a terminal.
        corpus: name of the text in the facts.
        of_model: facts of the model, where it was exported; None: they are taken from it.
        apart: leave out texts that overlap with what the SAE was trained on, where its folder
            tells (``training_text.safetensors``); a warning says how many, and the certificate
            that it was looked at.

    Raises:
        ConfigError: an unknown proxy or splice, no proxy ``model``, a pool without an order, no
            BOS for texts.
        DataError: texts that do not fill one sequence (or n_tokens), ids outside the vocabulary.
        MismatchError: SAE, hook point, model and context do not belong together.
        MemoryLimitError: a single sequence does not fit the device.
    """
    if "model" not in proxies:
        raise ConfigError("`proxies` lacks 'model': every ledger has the model's own losses.")
    check_smoothing(smoothing)
    names = tuple(dict.fromkeys(proxies))
    parsed = [parse_proxy(name, splice) for name in names]
    if tokenizer is None:
        tokenizer = getattr(model, "tokenizer", None)
    model = unwrapped(model)
    check_kind(model)
    probe = prepare_probe(sae, hook_name=hook_name, device=str(next(model.parameters()).device))
    dict_size = probe.facts.dict_size
    order = None if atom_order is None else _checked_order(atom_order, dict_size)
    for proxy in parsed:
        check_possible(proxy, dict_size, has_order=order is not None)
    with left_as_it_is(model):
        backend = backend_of(model, probe.facts.processing)
        sample, bos = sample_for(
            texts_or_token_ids,
            backend.vocab_size,
            tokenizer=tokenizer,
            bos_token_id=bos_token_id,
            documents=documents,
            n_tokens=n_tokens,
            context=context,
            max_sequences_per_document=max_sequences_per_document,
            seed=seed,
            apart_from=folders_that_tell([sae]) if apart and isinstance(sae, str | Path) else (),
        )
        token_ids = torch.from_numpy(sample.token_ids)
        described = model_facts(backend, bos) if of_model is None else of_model
        check_probe(probe, described, sample, bos)

        tables: list[pa.Table] = []
        bar: AbstractContextManager[Any] = nullcontext()
        if progress:
            bar = progress_bar(total=token_ids.numel() * (2 + len(names)), desc="measuring")
        with bar as shown:
            steps = Steps(
                split=SplitModel(backend, probe.facts.hook_name),
                sae=probe.sae,
                decoder=probe.decoder,
                token_ids=token_ids,
                place=MemoryPlace(),
                bos_token_id=bos,
                splice=splice,
                smoothing=smoothing,
                seed=seed,
                atom_order=order,
                batch_sequences=batch_sequences,
                shard_sequences=shard_sequences,
                update=nothing if shown is None else shown.update,
            )
            steps.cache_activations()
            steps.encode_codes()
            steps.compute_losses(names)
            codes = steps.collect(names, sample.document, tables.append)
    facts = LedgerFacts.of(
        described,
        probe.facts,
        sample_facts(sample),
        corpus=corpus,
        context=sample.context,
        splice=splice,
        compute_dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        seed=seed,
        proxies={proxy.name: proxy.splice_used for proxy in parsed},
        codes=codes,
        backend=backend.name,
        kl_smoothing=smoothing,
    )
    return Ledger(pa.concat_tables(tables), facts)


def sample_for(
    texts_or_token_ids: Sequence[str] | TokenIds | TokenSample,
    vocab_size: int,
    *,
    tokenizer: Any,
    bos_token_id: int | None,
    documents: Sequence[int] | np.ndarray | Tensor | None,
    n_tokens: int | None,
    context: int,
    max_sequences_per_document: int | None,
    seed: int,
    apart_from: Sequence[str] = (),
) -> tuple[TokenSample, int]:
    """What `measure` takes as text, as a sample, and the id that is special.

    apart_from: of texts, as `semdim.tokens.given.sample_of_texts`.

    Raises:
        ConfigError: no BOS for texts.
        DataError: texts that do not fill one sequence (or n_tokens), ids outside the vocabulary.
    """
    if isinstance(texts_or_token_ids, TokenSample | Tensor | np.ndarray):
        sample = (
            texts_or_token_ids
            if isinstance(texts_or_token_ids, TokenSample)
            else sample_of_ids(texts_or_token_ids, documents, n_tokens=n_tokens)
        )
        bos = bos_of(tokenizer, sample.token_ids) if bos_token_id is None else bos_token_id
    else:
        bos = bos_of(tokenizer, None) if bos_token_id is None else bos_token_id
        sample = sample_of_texts(
            texts_or_token_ids,
            tokenizer,
            context=context,
            bos_token_id=bos,
            vocab_size=vocab_size,
            n_tokens=n_tokens,
            max_sequences_per_document=max_sequences_per_document,
            seed=seed,
            apart_from=apart_from,
        )
    check_token_ids(torch.from_numpy(sample.token_ids), vocab_size, "the sample")
    return sample, bos


def model_facts(backend: Backend, bos_token_id: int) -> ModelFacts:
    """Facts of a model in memory; the fingerprint is of its weights as they are."""
    weights = dict(backend.model.named_parameters())
    return ModelFacts(
        name=backend.model_name,
        architecture=backend.architecture,
        n_layers=backend.n_layers,
        d_model=backend.d_model,
        vocab_size=backend.vocab_size,
        bos_token_id=bos_token_id,
        special_token_ids=(),
        n_context=backend.n_context,
        fingerprint=fingerprint(weights, {}),
        source={"dtype": str(next(iter(weights.values())).dtype).removeprefix("torch.")},
    )


def check_probe(probe: Probe, model: ModelFacts, sample: TokenSample, bos_token_id: int) -> None:
    """Refuse an SAE that was not trained for what it is about to read.

    Raises:
        MismatchError: what differs. A model without a name of its own may be any.
    """
    if model.name == "custom":
        model = replace(model, name=probe.facts.model_name or model.name)
    starts_with_bos = bool((sample.token_ids[:, 0] == bos_token_id).all())
    check_fit(probe.facts, model, context=sample.context, prepend_bos=starts_with_bos)


def _checked_order(
    atom_order: Int[Tensor, " atoms"] | Int[np.ndarray, " atoms"], dict_size: int
) -> Int64[Tensor, " dict_size"]:
    order = torch.as_tensor(atom_order).detach().cpu().long()
    if not torch.equal(order.sort().values, torch.arange(dict_size)):
        raise DataError(
            f"`atom_order` must hold every number from 0 to {dict_size - 1} exactly once: it is "
            f"an order of the SAE's {dict_size} atoms."
        )
    return order
