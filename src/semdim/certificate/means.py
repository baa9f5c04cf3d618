"""Numbers that most quantities are: a mean over documents with an interval by betting."""

import numpy as np

from semdim.certificate.documents import Documents
from semdim.certificate.intervals import BETTING, two_sided
from semdim.certificate.number import Number


def certified_mean(
    documents: Documents,
    values: np.ndarray,
    *,
    name: str,
    title: str,
    quantity: str,
    unit: str,
    low: float,
    high: float,
    smoothing: float | None,
    share: str | None = None,
    about: str = "",
) -> Number:
    """The mean of ``values`` (one per document, in [low, high]) with a two-sided interval.

    Args:
        share: the entry of `semdim.certificate.spec.SHARES` that pays; None: ``name``.
    """
    spec = documents.spec
    failure_prob = spec.share(share or name)
    lower, upper = two_sided(values, low, high, failure_prob, spec.bet_cap)
    return Number(
        name=name,
        title=title,
        quantity=documents.words(quantity),
        unit=unit,
        estimate=float(values.mean()),
        lower=lower,
        upper=upper,
        worth="certificate",
        n=len(values),
        n_of="documents",
        smoothing=smoothing,
        failure_prob=failure_prob,
        range_low=low,
        range_high=high,
        theorem=BETTING,
        assumptions=documents.assumptions,
        about=about,
    )


def of_sample(
    documents: Documents,
    *,
    name: str,
    title: str,
    quantity: str,
    unit: str,
    estimate: float,
    n: int | None = None,
    n_of: str = "documents",
    smoothing: float | None = None,
    about: str = "",
) -> Number:
    """A number of the sample alone, without an interval."""
    return Number(
        name=name,
        title=title,
        quantity=quantity,
        unit=unit,
        estimate=estimate,
        lower=None,
        upper=None,
        worth="sample",
        n=documents.n if n is None else n,
        n_of=n_of,
        smoothing=smoothing,
        failure_prob=None,
        range_low=None,
        range_high=None,
        theorem="",
        assumptions=(),
        about=about,
    )
