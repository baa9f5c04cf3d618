"""From the names of a model, an SAE and a text to a certificate: what `semdim certify` runs."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from semdim.certificate.certificate import Certificate
from semdim.certificate.certify import certify
from semdim.certificate.named import corpus_named, model_named, sae_named
from semdim.fields import check, setting
from semdim.models.facts import FACTS_FILE
from semdim.models.spec import ModelSource
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec

if TYPE_CHECKING:
    from semdim.forward.backend import Backend
    from semdim.ledger.memory import Ledger
    from semdim.models.facts import ModelFacts
    from semdim.text.samples import TokenSample

BASELINES = {"none": (), "zero": ("zero",)}
"""What `loss recovered` is measured against, as proxies of the ledger."""


@runtime_checkable
class Asked(Protocol):
    """What `semdim certify` and `semdim rank` are asked for alike; see `Request`."""

    @property
    def model(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def context(self) -> int: ...
    @property
    def windows(self) -> int: ...
    @property
    def seed(self) -> int: ...
    def model_source(self) -> ModelSource: ...


@dataclass(frozen=True)
class Request:
    """What is to be certified, and how."""

    model: str = setting(not_empty=True)
    """A model of the hub, a folder in the format of transformers, or one that semdim exported."""
    sae: str = setting(not_empty=True)
    """A folder in SAELens's format, or RELEASE/ID of SAELens's registry."""
    text: str = setting(not_empty=True)
    """A file, a folder or a glob of text files, a document each; or ``english``."""
    n_tokens: int = setting(20_000, at_least=2, at_most=10**12)
    """Tokens to measure, BOS included; rounded up to whole windows."""
    context: int = setting(128, at_least=2, at_most=10**6)
    """Tokens of a window, BOS included."""
    windows: int = setting(4, at_least=1, at_most=10**6)
    """Windows that are taken of a document at most."""
    baseline: str = setting("zero", choices=tuple(BASELINES))
    """What the recovered loss is measured against."""
    failure_prob: float = setting(0.05, above=0, below=1)
    """δ."""
    smoothing: float = setting(0.5, above=0, below=1)
    """α, of losses and of KL."""
    backend: str = setting("transformer_lens", choices=("transformer_lens", "transformers"))
    """What runs the model."""
    compute_dtype: str = setting("float32", choices=("float32", "bfloat16", "auto"))
    """dtype of the forward passes."""
    device: str = setting("auto", choices=("auto", "cpu", "cuda", "mps"))
    """Where they run."""
    batch_sequences: int = setting(16, at_least=1, at_most=100_000)
    """Windows in one forward pass."""
    seed: int = setting(0, at_least=0, at_most=2**32 - 1)
    """Of the order of the documents."""
    check_hook: bool = True
    """Refuse an SAE that does not fit its hook point, and name those that it would fit."""

    def __post_init__(self) -> None:
        check(self, "certify")

    @property
    def proxies(self) -> tuple[str, ...]:
        """What stands at the hook point, a pass through the rest of the model each."""
        return ("model", "sae", *BASELINES[self.baseline])

    @property
    def n_windows(self) -> int:
        """Windows that are measured."""
        return -(-self.n_tokens // self.context)

    def corpus(self) -> CorpusSpec:
        """The text.

        Raises:
            ConfigError: it is not possible.
        """
        return corpus_named(self.text, self.n_tokens)

    def model_source(self) -> ModelSource:
        """Where the model is."""
        return model_named(self.model)

    def sae_source(self) -> SAESource:
        """Where the SAE is.

        Raises:
            ConfigError: it is neither a folder nor RELEASE/ID.
        """
        return sae_named(self.sae)

    def plan(self) -> list[str]:
        """What will be done, in lines."""
        return [
            f"model      {self.model} in {self.compute_dtype}, run by {self.backend}",
            f"SAE        {self.sae}",
            f"text       {self.text}: {self.n_windows:,} windows of {self.context} tokens "
            f"({self.n_windows * self.context:,} tokens), at most {self.windows} of a document",
            f"passes     to the hook point once, and from there once each for "
            f"{', '.join(self.proxies)}",
            f"certified  at δ = {self.failure_prob:g}, losses and KL smoothed with α = "
            f"{self.smoothing:g}",
        ]


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
    from semdim.forward.spec import EngineSpec
    from semdim.saes.check import check_fit
    from semdim.saes.export import export_sae
    from semdim.saes.facts import read_facts as read_sae_facts

    engine = EngineSpec(
        compute_dtype=request.compute_dtype, device=request.device, backend=request.backend
    )
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
    return sample_corpus(
        corpus,
        load_tokenizer(model_folder),
        context=request.context,
        bos_token_id=model.bos_token_id,
        vocab_size=model.vocab_size,
        max_sequences_per_document=request.windows,
        seed=request.seed,
        special_token_ids=model.special_token_ids,
    )


def _exported(name: str, otherwise: Path) -> Path:
    """The folder itself where semdim exported it, else ``otherwise``."""
    folder = Path(name).expanduser()
    return folder if (folder / FACTS_FILE).is_file() else otherwise
