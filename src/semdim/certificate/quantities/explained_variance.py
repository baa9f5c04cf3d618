"""How much of the activations' variance the reconstruction explains, in three readings.

* ``explained_variance``: 1 − E‖h − S(h)‖² / E‖h − μ‖², μ the mean over tokens that are neither
  special nor norm outliers, documents alike. Nothing bounds an activation, so that its interval is
  an approximation.
* ``explained_variance_pooled``: the same with tokens alike: `explained_variance` of SAELens and
  SAEBench, on those tokens.
* ``explained_variance_legacy``: mean over tokens of 1 − ‖h − S(h)‖² / ‖h − μ‖², which SAELens calls
  `explained_variance_legacy`; taken over one batch of all of them.
"""

from collections.abc import Iterator

import numpy as np

from semdim.certificate.documents import Documents
from semdim.certificate.intervals import DELTA, ratio_of_means
from semdim.certificate.means import of_sample
from semdim.certificate.number import Number
from semdim.certificate.quantity import QUANTITIES, Quantity
from semdim.errors import DataError

TOKENS = "tokens that are neither special nor norm outliers"


def compute(documents: Documents) -> Iterator[Number]:
    """All three, and the two means that they are made of."""
    error = documents.column("reconstruction_error") ** 2
    distance = documents.column("centred_norm") ** 2
    regular = documents.column("is_outlier") == 0
    kept = documents.is_inside & regular
    if not float(distance[kept].sum()) > 0.0:
        raise DataError("No activation differs from their mean, so that nothing is to be explained")
    means = documents.counted_means({"error": error, "distance": distance}, regular)
    delta = documents.spec.failure_prob
    ratio, lower, upper = ratio_of_means(means["error"], means["distance"], delta)
    quantity = (
        "1 − E‖h − S(h)‖² / E‖h − μ‖² over "
        f"{TOKENS}; μ their mean activation, and documents count alike"
    )
    yield Number(
        name="explained_variance",
        title="Explained variance",
        quantity=quantity,
        unit="1",
        estimate=1.0 - ratio,
        lower=1.0 - upper,
        upper=1.0 - lower,
        worth="approximation",
        n=documents.n,
        n_of="documents",
        smoothing=None,
        failure_prob=delta,
        range_low=None,
        range_high=None,
        theorem=DELTA,
        assumptions=documents.assumptions,
        about="below 0: the mean activation alone would do better",
    )
    n_tokens = int(kept.sum())
    for name, title, words, estimate in (
        (
            "explained_variance_pooled",
            "Explained variance as SAELens and SAEBench define it",
            f"1 − Σ‖h − S(h)‖² / Σ‖h − μ‖² over all {TOKENS}",
            1.0 - float(error[kept].sum() / distance[kept].sum()),
        ),
        (
            "explained_variance_legacy",
            "Explained variance, legacy definition of SAELens",
            f"mean of 1 − ‖h − S(h)‖² / ‖h − μ‖² over {TOKENS}",
            float(np.mean(1.0 - error[kept] / distance[kept])),
        ),
        (
            "mean_squared_error",
            "Mean squared error of the reconstruction",
            f"mean of ‖h − S(h)‖² over {TOKENS}",
            float(error[kept].mean()),
        ),
    ):
        yield of_sample(
            documents, name=name, title=title, quantity=words,
            unit="1" if name.startswith("explained") else "squared activation",
            estimate=estimate, n=n_tokens, n_of="tokens",
        )  # fmt: skip


QUANTITIES.add("explained_variance", Quantity(order=500, compute=compute))
