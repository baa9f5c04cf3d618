"""`semdim.rank`: autoencoders of a model in memory, ranked on texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semdim.certificate.fingerprints import sample_fingerprint
from semdim.errors import ConfigError
from semdim.rank.measured import Measured, Subject
from semdim.rank.ranking import rank_table
from semdim.rank.spec import RankSpec
from semdim.rank.table import RankTable

if TYPE_CHECKING:
    from semdim.measure import TokenIds
    from semdim.text.samples import TokenSample


def rank(
    model: Any,
    saes: Mapping[str, Any] | Sequence[Any],
    texts_or_token_ids: "Sequence[str] | TokenIds | TokenSample",
    *,
    failure_prob: float = 0.05,
    cap: float = 1.0,
    smoothing: float = 0.5,
    context: int = 128,
    n_tokens: int | None = None,
    max_sequences_per_document: int | None = 1,
    documents: Any = None,
    tokenizer: Any = None,
    bos_token_id: int | None = None,
    batch_sequences: int = 16,
    seed: int = 0,
    corpus: str = "memory",
    apart: bool = True,
) -> RankTable:
    """Autoencoders of one model, ordered by how little they change its loss, with intervals.

    The model runs up to a hook point once, and once to its end; then each autoencoder that reads
    there is encoded with, and the rest of the model run. The model runs where it is and in its own
    dtype, and is afterwards what it was before.

    Args:
        model: as `semdim.measure` takes it, with its weights as all autoencoders want them.
        saes: SAELens's objects or folders in its format, by name; of a sequence, a folder's name
            or the object's own is taken.
        texts_or_token_ids: as `semdim.measure` takes it; more documents serve better than longer
            ones.
        failure_prob: δ of all claims and intervals together.
        cap: c, bits (`semdim.rank.spec.RankSpec`).
        smoothing: α of the losses.
        context: tokens of a sequence, BOS included; ids bring their own.
        n_tokens: size of the sample; None: all there is.
        max_sequences_per_document: of texts; None: all that they have.
        documents: of ids: the document of each sequence; None: each is one of its own.
        tokenizer: for texts; None: the one that the model carries.
        bos_token_id: None: the tokenizer's; without one, the id that all sequences start with.
        batch_sequences: sequences in one forward pass; rounding apart, it changes nothing.
        seed: of the order of the documents.
        corpus: name of the text.
        apart: leave out texts that overlap with what one of the autoencoders was trained on, as
            `semdim.measure` does.

    Raises:
        ConfigError: no autoencoder, two of one name, or a setting that is out of range.
        DataError: texts that do not fill the sample, or ids outside the vocabulary.
        MismatchError: an autoencoder does not belong to the model.
    """
    from semdim.forward.backend import backend_of, check_kind, unwrapped
    from semdim.forward.layout import left_as_it_is
    from semdim.measure import check_probe, model_facts, sample_for
    from semdim.rank.hook import HookPoint, Setting
    from semdim.saes.memory import prepare_probe
    from semdim.text.training_text import folders_that_tell

    spec = RankSpec(failure_prob=failure_prob, cap=cap, smoothing=smoothing)
    named = _named(saes)
    folders = [sae for sae in named.values() if isinstance(sae, str | Path)]
    told_by = folders_that_tell(folders)
    if tokenizer is None:
        tokenizer = getattr(model, "tokenizer", None)
    model = unwrapped(model)
    check_kind(model)
    device = str(next(model.parameters()).device)
    measured: dict[str, Measured] = {}
    with left_as_it_is(model):
        backend = backend_of(model)
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
            apart_from=told_by if apart else (),
        )
        facts = model_facts(backend, bos)
        setting = Setting(
            sample=sample,
            model=facts,
            bos_token_id=bos,
            corpus=corpus,
            smoothing=smoothing,
            batch_sequences=batch_sequences,
        )
        hooks: dict[Any, HookPoint] = {}
        for name, sae in named.items():
            probe = prepare_probe(sae, device=device)
            check_probe(probe, facts, sample, bos)
            place = (probe.facts.processing, probe.facts.hook_name)
            if place not in hooks:
                of_hook = backend_of(model, probe.facts.processing)
                hooks = {place: HookPoint(of_hook, probe.facts.hook_name, setting, _nothing)}
            measured[name] = hooks[place].measure(probe, name, "")
    return rank_table(list(measured.values()), spec, subject=Subject(
        model=facts.name,
        model_fingerprint=facts.fingerprint,
        corpus=corpus,
        tokens_fingerprint=sample_fingerprint(sample),
        n_tokens=sample.n_tokens,
        n_tokens_counted=next(iter(measured.values())).n_tokens_counted,
        context=sample.context,
        windows_per_document=next(iter(measured.values())).windows_per_document,
        compute_dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        backend=backend.name,
    ))  # fmt: skip


def _named(saes: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    if isinstance(saes, Mapping):
        named = {str(name): sae for name, sae in saes.items()}
    else:
        names = [_name(sae, place) for place, sae in enumerate(saes)]
        if len(set(names)) < len(names):
            raise ConfigError(
                f"Two of the SAEs have the same name among {', '.join(names)}: give them as a "
                "dict with names of your own."
            )
        named = dict(zip(names, saes, strict=True))
    if not named:
        raise ConfigError("There is no SAE to rank: give one or more.")
    return named


def _name(sae: Any, place: int) -> str:
    if isinstance(sae, str | Path):
        return Path(sae).expanduser().resolve().name
    return str(sae.cfg.metadata.get("sae_id") or f"{sae.cfg.architecture()} {place + 1}")


def _nothing(_: int) -> None:
    """Nobody watches."""
