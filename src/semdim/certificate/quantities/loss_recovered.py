"""How much of the loss that ablating the activation costs the autoencoder recovers (CE score)."""

from collections.abc import Iterator

import numpy as np

from semdim.certificate.documents import LOSS_PREFIX, PROXY, Documents
from semdim.certificate.intervals import RATIO, recovered_interval
from semdim.certificate.means import of_sample
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity
from semdim.errors import DataError

BASELINE = "zero"
"""The proxy that ablates: 0 in place of the activation."""
NO_END = "too few documents to exclude any ratio from −0.5 to 1.5 on a side without an end"


def compute(documents: Documents) -> Iterator[Number]:
    """(Z − S)/(Z − M) of smoothed losses with an interval, and as it is commonly computed."""
    model, proxy = documents.losses("model"), documents.losses()
    ablated = documents.losses(BASELINE)
    cost = float((ablated - model).mean())
    if not cost > 0.0:
        raise DataError("replacing the activation by 0 does not raise the loss of this sample")
    spec = documents.spec
    low, high = documents.range
    share = spec.share("loss_recovered")
    lower, upper = recovered_interval(ablated, model, proxy, low, high, share, spec.bet_cap)
    loss = documents.words(f"loss (α = {spec.smoothing:g})")
    yield Number(
        name="loss_recovered",
        title="Loss recovered (CE score)",
        quantity=f"(Z − S)/(Z − M), each the {loss}: Z with 0 in the activation's place, S with "
        "the autoencoder, M of the model",
        unit="1",
        estimate=float((ablated - proxy).mean()) / cost,
        lower=lower,
        upper=upper,
        worth="sample" if lower is None and upper is None else "certificate",
        n=documents.n,
        n_of="documents",
        smoothing=spec.smoothing,
        failure_prob=share,
        range_low=low,
        range_high=high,
        theorem=RATIO,
        assumptions=(*documents.assumptions, "replacing the activation by 0 raises the mean loss"),
        about="" if lower is not None and upper is not None else NO_END,
    )
    plain = {
        name: float(np.mean(documents.predictions(LOSS_PREFIX + name)))
        for name in ("model", PROXY, BASELINE)
    }
    unsmoothed = plain[BASELINE] - plain["model"]
    if unsmoothed > 0.0:
        yield of_sample(
            documents,
            name="ce_loss_score",
            title="Loss recovered, as SAEBench defines it",
            quantity="(Z − S)/(Z − M) of losses without smoothing, documents alike",
            unit="1",
            estimate=(plain[BASELINE] - plain[PROXY]) / unsmoothed,
        )


QUANTITIES.add("loss_recovered", Quantity(order=600, compute=compute))
