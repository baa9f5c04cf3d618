"""setup.json: what was measured on what, and with which packages."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from semdim.errors import ArtifactError
from semdim.origin import package_version
from semdim.processor import cpu_name, instructions
from semdim.records import added

if TYPE_CHECKING:
    from semdim.ledger.facts import LedgerFacts

PACKAGES = (
    "semdim", "torch", "transformer-lens", "sae-lens", "transformers", "datasets", "gensim",
)  # fmt: skip


@dataclass(frozen=True)
class SetupModel:
    """The language model."""

    name: str
    n_layers: int
    """Its blocks."""
    d_model: int
    """Width of its residual stream."""
    vocab_size: int
    """V: its logits."""
    fingerprint: str
    """sha256 over its weight files."""


@dataclass(frozen=True)
class SetupSAE:
    """The sparse autoencoder."""

    name: str
    architecture: str
    """standard, jumprelu, gated or topk."""
    hook_point: str
    """Where it reads the residual stream, in TransformerLens's name."""
    dict_size: int
    """m: its atoms."""
    mean_n_active_card: float | None
    """Mean k that its card or registry states."""
    fingerprint: str
    """sha256 over its weights and the settings that decide what they compute."""


@dataclass(frozen=True)
class SetupCorpus:
    """One text."""

    role: str
    """id, near, shifted or far."""
    n_tokens: int
    """Tokens, BOS included."""
    n_sequences: int
    n_documents: int
    account: dict[str, int]
    """What was read, used and left out, by reason."""
    versions: dict[str, str]
    """Versions of the packages that the text depends on."""
    explained_variance: float | None
    """1 − Σ‖h − S(h)‖² / Σ‖h − mean‖², norm outliers and special positions left out."""
    explained_variance_with_outliers: float | None
    """The same with outliers."""
    n_outliers: float
    """Positions whose norm exceeds ten medians."""
    mean_n_active: float
    """Mean k, special positions left out."""
    n_atoms_used: int | None = added(None)
    """Atoms of the dictionary that are active somewhere; None: they were not counted."""


@dataclass(frozen=True)
class SetupEngine:
    """How the forward passes were computed."""

    compute_dtype: str
    """float32 or bfloat16."""
    machine: str
    """Kind of processor; rounding may differ between two of them."""
    backend: str = added("transformer_lens")
    """What ran them: ``transformer_lens`` or ``transformers``."""
    processor: str = added("")
    """Model of the processor that wrote this; where the passes ran on a GPU or elsewhere, it tells
    of the host that summed up."""
    instructions: str = added("")
    """The widest vector instructions that torch used there: ``AVX2``, ``AVX512`` and so on."""


@dataclass(frozen=True)
class Setup:
    """All of setup.json."""

    SCHEMA: ClassVar[str] = "setup/1"

    model: SetupModel
    sae: SetupSAE
    sample: str
    """The in-distribution corpus."""
    splice: str
    """``no_bos`` lets special positions through unreplaced, ``all`` replaces every position."""
    context: int
    """Tokens of a sequence, BOS included."""
    seed: int
    corpora: dict[str, SetupCorpus]
    engine: SetupEngine
    packages: dict[str, str]
    """Versions of the packages that compute numbers."""
    python: str
    """Version of the interpreter."""


def setup_of(facts: "Mapping[str, LedgerFacts]", sample: str, roles: Mapping[str, str]) -> Setup:
    """Put setup.json together.

    Args:
        facts: of the ledger of each corpus.
        sample: the in-distribution corpus.
        roles: of each corpus, as the settings say.

    Raises:
        ArtifactError: a ledger has no facts of its codes.
    """
    of_sample = facts[sample]
    return Setup(
        model=SetupModel(
            name=of_sample.model,
            n_layers=of_sample.n_layers,
            d_model=of_sample.d_model,
            vocab_size=of_sample.vocab_size,
            fingerprint=of_sample.model_fingerprint,
        ),
        sae=SetupSAE(
            name=of_sample.sae,
            architecture=of_sample.sae_architecture,
            hook_point=of_sample.hook_name,
            dict_size=of_sample.dict_size,
            mean_n_active_card=of_sample.sae_mean_n_active,
            fingerprint=of_sample.sae_fingerprint,
        ),
        sample=sample,
        splice=of_sample.splice,
        context=of_sample.context,
        seed=of_sample.seed,
        corpora={name: _corpus(found, roles[name]) for name, found in facts.items()},
        engine=SetupEngine(
            of_sample.compute_dtype,
            platform.machine(),
            of_sample.backend,
            cpu_name(),
            instructions(),
        ),
        packages={name: found for name in PACKAGES if (found := package_version(name))},
        python=platform.python_version(),
    )


def _corpus(facts: "LedgerFacts", role: str) -> SetupCorpus:
    if facts.codes is None:
        raise ArtifactError(
            f"The ledger of {facts.corpus} says nothing about its codes; recompute it with `dvc "
            "repro --force`."
        )
    return SetupCorpus(
        role=role,
        n_tokens=facts.n_tokens,
        n_sequences=facts.n_sequences,
        n_documents=facts.n_documents,
        account=dict(facts.counts),
        versions=dict(facts.versions),
        **asdict(facts.codes),
    )
