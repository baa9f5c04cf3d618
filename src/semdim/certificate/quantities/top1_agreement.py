"""How often the most probable next token stays the most probable one."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from semdim.certificate.documents import AGREEMENT_PREFIX, PROXY, Documents
from semdim.certificate.intervals import EXACT, exact_share
from semdim.certificate.means import certified_mean
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity


def compute(documents: Documents) -> Iterator[Number]:
    """By betting; by the exact binomial law where every document is a single 0 or 1."""
    values = documents.predictions(AGREEMENT_PREFIX + PROXY)
    found = certified_mean(
        documents,
        values,
        name="top1_agreement",
        title="Agreement of the most probable token",
        quantity="1 where the model's most probable next token stays the most probable, else 0",
        unit="1",
        low=0.0,
        high=1.0,
        smoothing=None,
    )
    if np.isin(values, (0.0, 1.0)).all() and documents.table.context == 2:
        share = documents.spec.share("top1_agreement")
        lower, upper = exact_share(int(values.sum()), len(values), share)
        found = replace(found, lower=lower, upper=upper, theorem=EXACT)
    yield found


QUANTITIES.add("top1_agreement", Quantity(order=300, compute=compute))
