"""The texts of training have no document of the text that certificates are computed on."""

from collections.abc import Mapping

from semdim.errors import DataError
from semdim.text.filters import load_documents
from semdim.text.near_duplicates import NearDuplicates
from semdim.text.spec import CorpusSpec, TextSpec
from semdim.text.training_text import LEAST_OVERLAP


def check_apart(texts: Mapping[str, CorpusSpec], certificate: Mapping[str, CorpusSpec]) -> None:
    """Compare every document of ``texts`` with those of ``certificate``, by the runs of words that
    they share (`semdim.text.near_duplicates`): what an autoencoder is trained on, calibrated on and
    measured on, against what its certificates are computed on. Corpora without documents of their
    own are passed over.

    Raises:
        DataError: a document is in both; the message names it.
    """
    seen = NearDuplicates(LEAST_OVERLAP)
    for spec in certificate.values():
        if isinstance(spec, TextSpec):
            for document in load_documents(spec):
                seen.is_new(document.text)
    if not seen.n_documents:
        return
    for where, spec in texts.items():
        for document in load_documents(spec) if isinstance(spec, TextSpec) else ():
            if seen.is_known(document.text):
                raise DataError(
                    f"The document {document.name} of {where} is also in the text of the "
                    f"certificates ({', '.join(certificate)}): an autoencoder that has seen it, "
                    "or was chosen with it, would be certified on text that is not new. Leave the "
                    f"document out with {where}.exclude, or name another text under certificate."
                )
