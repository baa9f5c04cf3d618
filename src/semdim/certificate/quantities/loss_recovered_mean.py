"""The same as loss recovered, with the mean activation instead of 0 in the activation's place."""

from collections.abc import Iterator

from semdim.certificate.documents import LOSS_PREFIX, Documents
from semdim.certificate.number import Number
from semdim.certificate.quantities.loss_recovered import Baseline, against
from semdim.certificate.quantity import QUANTITIES, Quantity

MEAN = Baseline("mean", "_mean", "the mean activation", is_fixed=False)


def compute(documents: Documents) -> Iterator[Number]:
    """Nothing where the ledger was not asked for it."""
    if LOSS_PREFIX + MEAN.proxy in documents.rows.columns:
        yield from against(documents, MEAN)


QUANTITIES.add("loss_recovered_mean", Quantity(order=610, compute=compute))
