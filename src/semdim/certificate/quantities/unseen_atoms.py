"""Atoms that never fired in the sample, and how rare they are for certain."""

import math
from collections.abc import Iterator

from semdim.certificate.documents import Documents, Unavailable
from semdim.certificate.means import of_sample
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity

SOURCE = (
    "(1 − p)^n for n documents without a firing, and a union bound over all atoms of the dictionary"
)


def compute(documents: Documents) -> Iterator[Number]:
    """How many they are, and a limit on the rate of every one of them.

    An atom that fires in a share p of documents is silent in n with probability (1 − p)^n, so that
    with probability 1 − δ no atom with p > 1 − (δ/m)^(1/n) was silent.
    """
    codes = getattr(documents.facts, "codes", None)
    used = None if codes is None else getattr(codes, "n_atoms_used", None)
    if used is None:
        raise Unavailable("the ledger does not say how many atoms fired; measure it again")
    n_documents = documents.facts.n_documents
    size, share = documents.facts.dict_size, documents.spec.share("unseen_atoms")
    yield of_sample(
        documents,
        name="unseen_atoms",
        title="Atoms that never fired",
        quantity="atoms of the dictionary that fired at no token of the sample that is not special",
        unit="atoms",
        estimate=float(size - used),
        n=n_documents,
        about=f"{used} of {size} atoms fired",
    )
    yield Number(
        name="unseen_atom_rate",
        title="Rate of any atom that never fired",
        quantity="share of documents in which an atom fires that fired in none of the sample; of "
        "every such atom at once, a document being the windows of it that are read",
        unit="1",
        estimate=0.0,
        lower=0.0,
        upper=-math.expm1(math.log(share / size) / n_documents),
        worth="certificate",
        n=n_documents,
        n_of="documents",
        smoothing=None,
        failure_prob=share,
        range_low=0.0,
        range_high=1.0,
        theorem=SOURCE,
        assumptions=documents.assumptions[:2],
    )


QUANTITIES.add("unseen_atoms", Quantity(order=700, compute=compute))
