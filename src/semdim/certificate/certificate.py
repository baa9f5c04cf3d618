"""A certificate of an autoencoder: numbers, what they are of, and how they are shown."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from semdim.certificate.number import NotStated, Number
from semdim.certificate.spec import CertificateSpec
from semdim.errors import ConfigError
from semdim.records import KEY, from_content, to_plain

AGAIN = "`semdim certify` writes it again"


@dataclass(frozen=True)
class Subject:
    """What was measured on what."""

    model: str
    """Name of the language model."""
    model_fingerprint: str
    """sha256 over its weights."""
    vocab_size: int
    """V: its logits."""
    sae: str
    """What the autoencoder is called."""
    sae_fingerprint: str
    """sha256 over its weights and the settings that decide what they compute."""
    sae_architecture: str
    """standard, jumprelu, gated or topk."""
    hook_name: str
    """Where it reads the residual stream."""
    dict_size: int
    """m: its atoms."""
    splice: str
    """``no_bos`` lets BOS through unreplaced, ``all`` replaces every position."""
    corpus: str
    """Name of the text."""
    n_tokens: int
    """Tokens that were measured, BOS included."""
    n_sequences: int
    """Windows of these."""
    n_documents: int
    """Documents of these."""
    context: int
    """Tokens of a window, BOS included."""
    windows_per_document: int
    """W: the first so many windows of a document decide its value."""
    n_tokens_counted: int
    """Tokens of these windows."""
    compute_dtype: str
    """dtype of the forward passes."""
    backend: str
    """What ran them."""
    tokens_fingerprint: str
    """sha256 over the tokens, and the sequence and document of each."""
    ledger_fingerprint: str
    """sha256 over every column of the ledger, and its facts."""


@dataclass(frozen=True)
class Certificate:
    """All numbers of one autoencoder on one text. Every interval that is a certificate holds at
    once with probability 1 − δ at least."""

    SCHEMA: ClassVar[str] = "certificate/1"
    WRITTEN_BY: ClassVar[str] = "`semdim certify`"

    semdim_version: str
    """Of the package that made it."""
    subject: Subject
    """What was measured on what."""
    settings: CertificateSpec
    """What was asked for."""
    numbers: tuple[Number, ...]
    """In the order of their importance."""
    not_stated: tuple[NotStated, ...]
    """Quantities that the ledger does not allow."""
    budget: dict[str, float]
    """δ by quantity; what a quantity that is not stated would have spent is left unspent."""

    def __getitem__(self, name: str) -> Number:
        """A number by its name.

        Raises:
            ConfigError: it is not stated, with the reason where there is one.
        """
        for number in self.numbers:
            if number.name == name:
                return number
        reasons = [f": {entry.reason}" for entry in self.not_stated if entry.name == name]
        there = ", ".join(number.name for number in self.numbers)
        raise ConfigError(
            f"The certificate states no {name!r}{''.join(reasons)}. It states {there}."
        )

    def get(self, name: str) -> Number | None:
        """A number by its name, None where it is not stated."""
        return next((number for number in self.numbers if number.name == name), None)

    @property
    def faithfulness(self) -> Number:
        """How much the autoencoder changes the mean loss of a window."""
        return self["faithfulness"]

    @property
    def signed_change(self) -> Number:
        """The same with its sign."""
        return self["signed_change"]

    @property
    def kl(self) -> Number:
        """How far predictions are from the model's."""
        return self["kl"]

    @property
    def top1_agreement(self) -> Number:
        """How often the most probable token stays the most probable one."""
        return self["top1_agreement"]

    @property
    def l0(self) -> Number:
        """Active atoms per token."""
        return self["l0"]

    @property
    def explained_variance(self) -> Number:
        """Explained variance."""
        return self["explained_variance"]

    @property
    def loss_recovered(self) -> Number:
        """Loss recovered; needs the proxy ``zero`` in the ledger."""
        return self["loss_recovered"]

    def to_json(self) -> str:
        """As certificate.json holds it."""
        content = {KEY: self.SCHEMA, **to_plain(self)}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "The certificate") -> "Certificate":
        """Read `to_json`.

        Raises:
            ArtifactError: no JSON, another schema, or a value of another type.
        """
        from semdim.reading import parsed_json

        content = parsed_json(text, where, advice=AGAIN)
        return from_content(content, cls, where)

    def to_html(self) -> str:
        """A page that needs nothing else."""
        from semdim.certificate.page import page

        return page(self)

    def to_markdown(self) -> str:
        """A block for a model card."""
        from semdim.certificate.card import card

        return card(self)

    def to_saebench(self) -> dict[str, Any]:
        """The core evaluation in SAEBench's layout."""
        from semdim.certificate.saebench import evaluation

        return evaluation(self)

    def _repr_html_(self) -> str:
        from semdim.certificate.page import fragment

        return fragment(self)

    def __str__(self) -> str:
        from semdim.certificate.words import lines

        return "\n".join(lines(self))
