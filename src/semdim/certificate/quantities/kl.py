"""How far the predictions with the autoencoder are from the model's: KL(M‖S∘M) in bits."""

from collections.abc import Iterator

from semdim.bounds.quantities import loss_range
from semdim.certificate.documents import KL_PREFIX, PROXY, Documents, Unavailable
from semdim.certificate.means import certified_mean
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity


def compute(documents: Documents) -> Iterator[Number]:
    """Of the predictions smoothed as the ledger was: at most (1−α)·log2(1 + (1−α)V/α) bits."""
    alpha = getattr(documents.facts, "kl_smoothing", None)
    if alpha is None:
        raise Unavailable("the ledger does not say at which α its KL was taken; measure it again")
    high = (1.0 - alpha) * loss_range(documents.facts.vocab_size, alpha)
    yield certified_mean(
        documents,
        documents.predictions(KL_PREFIX + PROXY),
        name="kl",
        title="Divergence of the predictions",
        quantity=f"KL(model ‖ model with the autoencoder) of the predictions (α = {alpha:g})",
        unit="bits",
        low=0.0,
        high=high,
        smoothing=alpha,
        about="the range is that of smoothed predictions, below log2(V/α)",
    )


QUANTITIES.add("kl", Quantity(order=200, compute=compute))
