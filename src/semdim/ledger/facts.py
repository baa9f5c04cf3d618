"""What holds for a whole ledger: which model, SAE, text and settings its rows come from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from semdim.errors import ArtifactError
from semdim.reading import parsed_json
from semdim.records import added, from_plain, to_plain
from semdim.text.independence import Independence

if TYPE_CHECKING:
    from semdim.models.facts import ModelFacts
    from semdim.saes.facts import SAEFacts

SCHEMA_VERSION = 2
_OF_DOCUMENTS = ("documents", "sources", "document_sources")


@dataclass(frozen=True)
class CodesFacts:
    """The codes of a corpus in four numbers; special positions are left out of all of them."""

    explained_variance: float | None
    """1 − Σ‖h − S(h)‖² / Σ‖h − mean‖², norm outliers left out; None: no activation differs."""
    explained_variance_with_outliers: float | None
    """The same with them."""
    n_outliers: float
    """Positions whose norm exceeds ten medians."""
    mean_n_active: float
    """Mean k."""
    n_atoms_used: int | None = added(None)
    """Atoms of the dictionary that are active somewhere; None: they were not counted."""


@dataclass(frozen=True)
class LedgerFacts(Mapping[str, Any]):
    """Facts of a ledger, kept in the file's own metadata as JSON.

    What a corpus is used for (its role) is a setting, and is read from the settings. It is a
    mapping of its fields, too: ``facts["vocab_size"]``.
    """

    SCHEMA: ClassVar[str] = f"ledger/{SCHEMA_VERSION}"

    model: str
    """Name of the language model."""
    model_fingerprint: str
    """sha256 over its weights."""
    n_layers: int
    """Its blocks."""
    d_model: int
    """Width of its residual stream."""
    vocab_size: int
    """V: its logits."""
    sae: str
    """What reports call the autoencoder."""
    sae_fingerprint: str
    """sha256 over its weights and the settings that decide what they compute."""
    sae_architecture: str
    """standard, jumprelu, gated or topk."""
    sae_mean_n_active: float | None
    """Mean k that its card or registry states."""
    hook_name: str
    """Where it reads the residual stream, in TransformerLens's name."""
    dict_size: int
    """m: its atoms."""
    corpus: str
    """Name of the text."""
    n_tokens: int
    """Tokens of the sample, BOS included."""
    n_sequences: int
    """Sequences of the sample."""
    n_documents: int
    """Documents that they come from."""
    counts: dict[str, int]
    """What was read, used and left out of the text, by reason."""
    versions: dict[str, str]
    """Versions of the packages that the text depends on."""
    documents: tuple[str, ...]
    """Names of the documents, by their number."""
    context: int
    """Tokens of a sequence, BOS included."""
    splice: str
    """``no_bos`` lets BOS through unreplaced, ``all`` replaces every position."""
    compute_dtype: str
    """dtype of the forward passes."""
    seed: int
    """Of the sample and of proxies that draw at random."""
    proxies: dict[str, str]
    """The splice of every proxy that has a column of losses in this file; empty for ``model``."""
    codes: CodesFacts | None = None
    """Of all rows; None in a file of further columns."""
    sources: tuple[str, ...] = ()
    """Labels of the sources that the text is a mixture of; empty: not known."""
    document_sources: tuple[int, ...] = ()
    """Index in ``sources`` of each document's, by the document's number; empty with fewer than two
    sources."""
    backend: str = added("transformer_lens")
    """What ran the forward passes: ``transformer_lens`` or ``transformers``."""
    kl_smoothing: float | None = added(None)
    """α of the columns ``kl_<proxy>``; None: there are none."""
    independence: Independence | None = added(None)  # noqa: RUF009
    """What speaks for the sample's independence of model and autoencoder; None: nothing."""

    @classmethod
    def of(
        cls, model: "ModelFacts", sae: "SAEFacts", sample: Mapping[str, Any], **rest: Any
    ) -> "LedgerFacts":
        """Put together what model, SAE and sample say of themselves.

        Args:
            model: facts of the language model.
            sae: facts of the autoencoder.
            sample: what was published with the tokens: ``n_tokens``, ``n_sequences``,
                ``n_documents``, ``counts``, ``versions``, ``documents``, ``sources``,
                ``document_sources``, ``independence``.
            rest: ``corpus``, ``context``, ``splice``, ``compute_dtype``, ``seed``, ``proxies``,
                ``codes``, ``backend`` and ``kl_smoothing``.
        """
        return cls(
            model=model.name,
            model_fingerprint=model.fingerprint,
            n_layers=model.n_layers,
            d_model=model.d_model,
            vocab_size=model.vocab_size,
            sae=sae.name,
            sae_fingerprint=sae.fingerprint,
            sae_architecture=sae.architecture,
            sae_mean_n_active=sae.mean_n_active,
            hook_name=sae.hook_name,
            dict_size=sae.dict_size,
            **{
                **sample,
                **_independence(sample),
                **{name: tuple(sample.get(name, ())) for name in _OF_DOCUMENTS},
            },
            **rest,
        )

    def to_json(self) -> str:
        """As the file's metadata hold it."""
        content = {"schema_version": SCHEMA_VERSION, **self.as_dict()}
        return json.dumps(content, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> "LedgerFacts":
        """Read what `to_json` wrote; ``where`` names the file in messages.

        Raises:
            ArtifactError: the schema version, or a field, is another one.
        """
        raw = parsed_json(text, where, "a ledger's facts")
        found = raw.pop("schema_version", None)
        if found != SCHEMA_VERSION:
            raise ArtifactError(
                f"{where} has schema version {found}, but this semdim reads {SCHEMA_VERSION}; "
                "recompute it with `dvc repro --force`."
            )
        # A ledger from before documents had sources knows of none.
        raw = {"sources": [], "document_sources": []} | raw
        return from_plain(raw, cls, f"{where} is no ledger, or it")

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def __getitem__(self, name: str) -> Any:
        if name not in _NAMES:
            raise KeyError(name)
        value = getattr(self, name)
        return asdict(value) if isinstance(value, CodesFacts | Independence) else value

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


def _independence(sample: Mapping[str, Any]) -> dict[str, Independence | None]:
    plain = sample.get("independence")
    if plain is None:
        return {"independence": None}
    return {"independence": from_plain(plain, Independence, "what is said of the tokens")}


_NAMES = tuple(entry.name for entry in fields(LedgerFacts))
