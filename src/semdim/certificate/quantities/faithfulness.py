"""How much the autoencoder changes the mean loss of a window, without and with the sign."""

from collections.abc import Iterator

from semdim.certificate.documents import Documents
from semdim.certificate.means import certified_mean
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity


def compute(documents: Documents) -> Iterator[Number]:
    """Family 8 of docs/bounds.md with both ends, and the signed change."""
    alpha = documents.spec.smoothing
    low, high = documents.range
    yield certified_mean(
        documents,
        documents.abs_gaps(),
        name="faithfulness",
        title="Change of the loss",
        quantity=f"|change of the mean loss of a window by the autoencoder| (α = {alpha:g})",
        unit="bits",
        low=0.0,
        high=high - low,
        smoothing=alpha,
    )
    yield certified_mean(
        documents,
        documents.losses() - documents.losses("model"),
        name="signed_change",
        title="Change of the loss, with its sign",
        quantity=f"loss with the autoencoder minus loss of the model (α = {alpha:g})",
        unit="bits",
        low=low - high,
        high=high - low,
        smoothing=alpha,
        about="above 0: the autoencoder makes the loss worse",
    )


QUANTITIES.add("faithfulness", Quantity(order=100, compute=compute))
