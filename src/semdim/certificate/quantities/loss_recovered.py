"""How much of the loss that ablating the activation costs the autoencoder recovers (CE score)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from semdim.certificate.documents import LOSS_PREFIX, PROXY, Documents
from semdim.certificate.intervals import RATIO, recovered_interval
from semdim.certificate.means import of_sample
from semdim.certificate.number import Number, Worth
from semdim.certificate.quantity import QUANTITIES, Quantity
from semdim.errors import DataError


@dataclass(frozen=True)
class Baseline:
    """What stands in the activation's place."""

    proxy: str
    """Its name in the ledger."""
    suffix: str
    """Behind the names of the numbers."""
    words: str
    """For titles."""
    is_fixed: bool
    """Whether it was settled without the sample."""


ZERO = Baseline("zero", "", "0", is_fixed=True)
NO_END = "too few documents to exclude any ratio from −0.5 to 1.5 on a side without an end"
NOT_FIXED = (
    "the mean activation was taken from the same documents, as if it had been known beforehand: "
    "no theorem"
)


def compute(documents: Documents) -> Iterator[Number]:
    """Against zero ablation."""
    yield from against(documents, ZERO)


def against(documents: Documents, baseline: Baseline) -> Iterator[Number]:
    """(Z − S)/(Z − M) of smoothed losses with an interval, and as it is commonly computed.

    Raises:
        DataError: the ledger lacks the baseline, or it does not raise the loss.
    """
    model, proxy = documents.losses("model"), documents.losses()
    ablated = documents.losses(baseline.proxy)
    cost = float((ablated - model).mean())
    if not cost > 0.0:
        raise DataError(
            f"replacing the activation by {baseline.words} does not raise the loss of this sample"
        )
    spec = documents.spec
    low, high = documents.range
    share = spec.share("loss_recovered")
    lower, upper = recovered_interval(ablated, model, proxy, low, high, share, spec.bet_cap)
    loss = documents.words(f"loss (α = {spec.smoothing:g})")
    worth: Worth = "certificate" if baseline.is_fixed else "approximation"
    remarks = [] if lower is not None and upper is not None else [NO_END]
    yield Number(
        name=f"loss_recovered{baseline.suffix}",
        title="Loss recovered (CE score)" + _beside(baseline),
        quantity=f"(Z − S)/(Z − M), each the {loss}: Z with {baseline.words} in the activation's "
        "place, S with the autoencoder, M of the model",
        unit="1",
        estimate=float((ablated - proxy).mean()) / cost,
        lower=lower,
        upper=upper,
        worth="sample" if lower is None and upper is None else worth,
        n=documents.n,
        n_of="documents",
        smoothing=spec.smoothing,
        failure_prob=share,
        range_low=low,
        range_high=high,
        theorem=RATIO,
        assumptions=(
            *documents.assumptions,
            f"replacing the activation by {baseline.words} raises the mean loss",
        ),
        about="; ".join(remarks if baseline.is_fixed else [NOT_FIXED, *remarks]),
    )
    plain = {
        name: float(np.mean(documents.predictions(LOSS_PREFIX + name)))
        for name in ("model", PROXY, baseline.proxy)
    }
    unsmoothed = plain[baseline.proxy] - plain["model"]
    if unsmoothed > 0.0:
        yield of_sample(
            documents,
            name=f"ce_loss_score{baseline.suffix}",
            title="Loss recovered, as SAEBench defines it" + _beside(baseline),
            quantity="(Z − S)/(Z − M) of losses without smoothing, documents alike",
            unit="1",
            estimate=(plain[baseline.proxy] - plain[PROXY]) / unsmoothed,
        )


def _beside(baseline: Baseline) -> str:
    """What tells the numbers of a baseline from those of zero ablation."""
    return f", against {baseline.words}" if baseline.suffix else ""


QUANTITIES.add("loss_recovered", Quantity(order=600, compute=compute))
