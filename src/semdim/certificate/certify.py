"""The certificate of a ledger, by one call.

certificate = semdim.certify(ledger)
certificate.faithfulness.upper  # bits
"""

from typing import TYPE_CHECKING, Any

from semdim.certificate.certificate import Certificate, Subject
from semdim.certificate.documents import Documents
from semdim.certificate.fingerprints import ledger_fingerprint, tokens_fingerprint
from semdim.certificate.number import NotStated, Number
from semdim.certificate.quantity import quantities
from semdim.certificate.spec import SHARES, CertificateSpec
from semdim.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from semdim.ledger.memory import Ledger


def certify(
    ledger: "Ledger",
    *,
    failure_prob: float = 0.05,
    smoothing: float = 0.5,
    windows_per_document: int | None = None,
    n_candidates: int = 1,
) -> Certificate:
    """What an autoencoder changes in its model, by document, with intervals.

    Args:
        ledger: of `semdim.measure`, of the pipeline, or from a file (`semdim.Ledger.read`).
        failure_prob: δ; all intervals that are certificates hold at once with probability 1 − δ.
        smoothing: α of the losses. KL is at the α of the ledger.
        windows_per_document: W; None: the number of complete rounds of the sample.
        n_candidates: autoencoders that were measured on this text before this one was chosen.

    Raises:
        ConfigError: a setting is out of range.
        DataError: the rows are not whole sequences, or of fewer than two documents.
    """
    spec = CertificateSpec(
        failure_prob=failure_prob,
        smoothing=smoothing,
        windows_per_document=windows_per_document,
        n_candidates=n_candidates,
    )
    return certificate_of(ledger.rows, ledger.facts, spec)


def certificate_of(rows: "pd.DataFrame", facts: Any, spec: CertificateSpec) -> Certificate:
    """`certify` from a ledger's rows and facts, with settings that are put together already."""
    from semdim import __version__

    documents = Documents.of(rows, facts, spec)
    numbers: list[Number] = []
    missing: list[NotStated] = []
    for name, quantity in quantities():
        try:
            numbers += quantity.compute(documents)
        except DataError as error:
            missing.append(NotStated(name, str(error)))
    return Certificate(
        semdim_version=__version__,
        subject=_subject(documents),
        settings=spec,
        numbers=tuple(numbers),
        not_stated=tuple(missing),
        budget={name: spec.share(name) for name in SHARES},
    )


def _subject(documents: Documents) -> Subject:
    facts, windows = documents.facts, documents.size.windows
    assert windows is not None and windows.per_document is not None
    named = {
        name: getattr(facts, name)
        for name in (
            "model", "model_fingerprint", "vocab_size", "sae", "sae_fingerprint",
            "sae_architecture", "hook_name", "dict_size", "splice", "corpus", "n_tokens",
            "n_sequences", "n_documents", "context", "compute_dtype", "backend",
        )
    }  # fmt: skip
    return Subject(
        **named,
        windows_per_document=windows.per_document,
        n_tokens_counted=documents.size.n_tokens,
        tokens_fingerprint=tokens_fingerprint(documents.rows),
        ledger_fingerprint=ledger_fingerprint(documents.rows, facts),
    )
