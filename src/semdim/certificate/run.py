"""From the names of a model, an SAE and a text to a certificate: what `semdim certify` runs."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semdim.certificate.certificate import Certificate
from semdim.certificate.certify import certify
from semdim.certificate.request import Asked, Request
from semdim.models.facts import FACTS_FILE
from semdim.text.spec import CorpusSpec

if TYPE_CHECKING:
    from semdim.forward.backend import Backend
    from semdim.ledger.memory import Ledger
    from semdim.models.facts import ModelFacts
    from semdim.text.samples import TokenSample


def certificate_for(
    request: Request, *, say: Callable[[str], object] = print, progress: bool = True
) -> tuple[Certificate, "Ledger"]:
    """Load, measure and certify; nothing is left on the disk.

    Raises:
        SemdimError: in one sentence, whatever does not fit.
    """
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="semdim-")))
        ledger = measured(request, work, say=say, progress=progress)
    found = certify(ledger, failure_prob=request.failure_prob, smoothing=request.smoothing)
    return found, ledger


@dataclass(frozen=True)
class Loaded:
    """A model and an SAE, ready to be measured."""

    backend: "Backend"
    """The model."""
    model: "ModelFacts"
    """Its facts."""
    model_folder: Path
    """Where it is exported."""
    sae_folder: Path
    """Where the SAE is."""


def loaded(request: Request, work: Path, *, say: Callable[[str], object]) -> Loaded:
    """Model and SAE of a request; they are exported below ``work`` first, where they are not
    exports already, as the pipeline does.

    Raises:
        SemdimError: one of them cannot be loaded, or they do not belong together.
    """
    sae_source = request.sae_source()
    from semdim.forward.backend import load_backend
    from semdim.forward.emulated import refuse_emulated
    from semdim.forward.spec import EngineSpec
    from semdim.saes.check import check_fit
    from semdim.saes.export import export_sae
    from semdim.saes.facts import read_facts as read_sae_facts

    engine = EngineSpec(
        compute_dtype=request.compute_dtype, device=request.device, backend=request.backend
    )
    refuse_emulated(engine, "dtype")
    device = engine.start()
    sae_folder = _exported(request.sae, work / "sae")
    if sae_folder == work / "sae":
        say(f"loading the SAE {request.sae}")
        export_sae(sae_source, sae_folder)
    sae = read_sae_facts(sae_folder)
    model_folder, model = exported_model(request, work, say=say)
    check_fit(sae, model, context=request.context, prepend_bos=True)
    backend = load_backend(
        request.backend, model_folder, dtype=engine.dtype, device=device, processing=sae.processing
    )
    return Loaded(backend, model, model_folder, sae_folder)


def measured(
    request: Request, work: Path, *, say: Callable[[str], object], progress: bool
) -> "Ledger":
    """The ledger of a request; what has to be exported is exported below ``work``."""
    corpus = request.corpus()
    found = loaded(request, work, say=say)
    import torch

    from semdim.measure import measure
    from semdim.saes.hook_search import N_WINDOWS, check_hook
    from semdim.saes.memory import prepare_probe

    model = found.model
    sample = sample_of(request, corpus, found.model_folder, model, say=say)
    if request.check_hook:
        device = str(found.backend.unembedding.device)
        ids = torch.from_numpy(sample.token_ids[:N_WINDOWS])
        check_hook(found.backend, prepare_probe(found.sae_folder, device=device), ids)
    return measure(
        found.backend.model,
        found.sae_folder,
        sample,
        proxies=request.proxies,
        smoothing=request.smoothing,
        seed=request.seed,
        batch_sequences=request.batch_sequences,
        bos_token_id=model.bos_token_id,
        progress=progress,
        corpus=request.text,
        of_model=model,
    )


def exported_model(
    request: Asked, work: Path, *, say: Callable[[str], object]
) -> "tuple[Path, ModelFacts]":
    """Where the model of a request is exported, and its facts; below ``work`` if it has to be.

    Raises:
        SemdimError: it cannot be loaded.
    """
    from semdim.models.export import export_model
    from semdim.models.facts import read_facts

    folder = _exported(request.model, work / "model")
    if folder == work / "model":
        say(f"loading the model {request.model}")
        export_model(request.model_source(), folder, context=request.context)
    return folder, read_facts(folder)


def sample_of(
    request: Asked,
    corpus: CorpusSpec,
    model_folder: Path,
    model: "ModelFacts",
    *,
    say: Callable[[str], object],
) -> "TokenSample":
    """The tokens of a request's text.

    Raises:
        DataError: the text cannot be read, or does not fill the sample.
    """
    from semdim.models.tokenizer import load_tokenizer
    from semdim.text.corpus import sample_corpus

    say(f"reading {request.text}")
    sample = sample_corpus(
        corpus,
        load_tokenizer(model_folder),
        context=request.context,
        bos_token_id=model.bos_token_id,
        vocab_size=model.vocab_size,
        max_sequences_per_document=request.windows,
        seed=request.seed,
        special_token_ids=model.special_token_ids,
        frozen_at=request.frozen_at or model.source.get("frozen_at"),
    )
    for line in _told(sample):
        say(line)
    return sample


def _told(sample: "TokenSample") -> Iterator[str]:
    """What is known of the sample's independence, and what was left out for it."""
    known, counts = sample.independence, sample.counts
    if known is None:
        return
    if known.apart_from:
        n = counts.get("dropped_in_training_text", 0)
        yield f"{n} documents left out that {' or '.join(known.apart_from)} was trained on"
    if known.frozen_at is not None:
        old, undated = (
            counts.get(f"dropped_{why}", 0) for why in ("not_after_the_model", "undated")
        )
        yield (
            f"independent of the model by date: frozen on {known.frozen_at}, documents from "
            f"{known.first_published}; {old} older ones and {undated} without a date left out"
            if known.is_by_date
            else f"not independent of the model by date, which was frozen on {known.frozen_at}"
        )


def _exported(name: str, otherwise: Path) -> Path:
    """The folder itself where semdim exported it, else ``otherwise``."""
    folder = Path(name).expanduser()
    return folder if (folder / FACTS_FILE).is_file() else otherwise
