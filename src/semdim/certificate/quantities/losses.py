"""The mean losses themselves, without smoothing: what other evaluations state."""

from collections.abc import Iterator

from semdim.certificate.documents import LOSS_PREFIX, PROXY, Documents
from semdim.certificate.means import of_sample
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity


def compute(documents: Documents) -> Iterator[Number]:
    """Bits per token, documents alike."""
    for name, proxy, whose in (
        ("loss_model", "model", "the model"),
        ("loss_sae", PROXY, "the model with the autoencoder"),
    ):
        yield of_sample(
            documents,
            name=name,
            title=f"Loss of {whose}",
            quantity=documents.words(f"loss of {whose} without smoothing"),
            unit="bits",
            estimate=float(documents.predictions(LOSS_PREFIX + proxy).mean()),
        )
    yield of_sample(
        documents,
        name="top1_error_model",
        title="Top-1 error of the model",
        quantity=documents.words("1 where the model has another token above the next one, else 0"),
        unit="1",
        estimate=float(documents.predictions("top1_error").mean()),
    )


QUANTITIES.add("losses", Quantity(order=800, compute=compute))
