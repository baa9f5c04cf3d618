"""How many atoms a token needs, and whether the number that the card states agrees."""

from collections.abc import Iterator
from dataclasses import replace

from semdim.certificate.documents import Documents
from semdim.certificate.intervals import NORMAL, student
from semdim.certificate.means import certified_mean
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity


def compute(documents: Documents) -> Iterator[Number]:
    """The mean of k with what is certain (k is anything up to m) and what holds approximately."""
    k = documents.column("n_active")
    values = documents.counted_means({"k": k})["k"]
    stated = getattr(documents.facts, "sae_mean_n_active", None)
    found = certified_mean(
        documents,
        values,
        name="l0",
        title="Active atoms per token (L0)",
        quantity="number of active atoms at a token that is not special",
        unit="atoms",
        low=0.0,
        high=float(documents.facts.dict_size),
        smoothing=None,
        about=_against(stated, None),
    )
    yield replace(found, about=_against(stated, found))
    lower, upper = student(values, documents.spec.failure_prob)
    yield replace(
        found,
        name="l0_approximate",
        title="Active atoms per token (L0), approximately",
        lower=max(lower, 0.0),
        upper=upper,
        worth="approximation",
        failure_prob=documents.spec.failure_prob,
        range_low=None,
        range_high=None,
        theorem=NORMAL,
        about="the certificate has to allow for any k up to the size of the dictionary",
    )


def _against(stated: float | None, found: Number | None) -> str:
    """What the card says, and whether it lies inside the interval."""
    if stated is None:
        return "card and registry state no L0"
    if found is None or found.lower is None or found.upper is None:
        return ""
    where = "inside" if found.lower <= stated <= found.upper else "outside"
    return f"the card or the registry states {stated:.4g}, which is {where} the interval"


QUANTITIES.add("l0", Quantity(order=400, compute=compute))
