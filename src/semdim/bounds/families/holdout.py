"""Family 4: a bound on the model's own risk from its losses alone. A certificate.

M is frozen before the sample is drawn, so the class has one member and no complexity is paid:
R(M) ≤ R̂(M) + U. Because ℓ_S + |g| ≥ ℓ_M at every unit, no bound of the proxy kind can be below
the same method here, at the same n.
"""

import math

import numpy as np

from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.concentration import Method, hoeffding_width, upper_mean
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize, Unit
from semdim.bounds.validation import check_mean, divided
from semdim.errors import DataError

SOURCES = {
    "hoeffding": "Hoeffding 1963, Theorem 2",
    "maurer_pontil": "Maurer and Pontil 2009, Theorem 4",
    "betting": "Waudby-Smith and Ramdas 2024, betting with predictable plug-in bets",
    "betting_sequence": "Waudby-Smith and Ramdas 2024, betting confidence sequence",
}


def unit_assumptions(unit: Unit) -> tuple[str, ...]:
    """The assumptions that every certificate makes about its sample, in words."""
    return (
        f"the {unit}s are independent draws from one law, and the risk is that law's",
        "the model and the autoencoder were frozen before the sample was drawn, without seeing it",
    )


def check_units(values: np.ndarray, size: SampleSize, name: str) -> None:
    """Refuse a vector whose length is not the number of units with DataError."""
    if len(values) != size.n_units:
        raise DataError(
            f"{name} holds {len(values)} values for {size.n_units} {size.unit}s; give one each."
        )


def holdout(
    losses: np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "hoeffding",
    n_choices: int = 1,
    proxy: str = "model",
) -> Bound:
    """Family 4 from smoothed losses, one per unit, shape [size.n_units], bits.

    `n_choices` predeclared points (sizes N, values of α) share δ; a betting sequence needs none
    for N. Raises DataError for losses that are NaN, outside [floor, ceiling], or not one per unit.
    """
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_units(losses, size, "losses")
    share = divided(failure_prob, n_choices)
    total = upper_mean(losses, floor, ceiling, share, method)
    risk = float(losses.mean())
    return _as_bound(
        risk, total - risk, size, vocab_size, smoothing, failure_prob, method, n_choices, proxy
    )


def holdout_from_mean(
    risk: float,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: int = 1,
) -> Bound:
    """Family 4 (Hoeffding) from the mean alone: R̂ + Δ√(ln(1/δ)/2n), n = size.n_units."""
    check_mean(risk, loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing), "risk")
    span = loss_range(vocab_size, smoothing)
    tail = hoeffding_width(span, math.log(1.0 / divided(failure_prob, n_choices)), size.n_units)
    return _as_bound(
        risk, tail, size, vocab_size, smoothing, failure_prob, "hoeffding", n_choices, "model"
    )


def _as_bound(
    risk: float,
    tail: float,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method,
    n_choices: int,
    proxy: str,
) -> Bound:
    share = FailureShare(paid_for("the risk", n_choices), failure_prob / n_choices)
    return Bound(
        family="holdout",
        is_certificate=size.is_honest,
        subject="risk of the model",
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(failure_prob, (share,)),
        assumptions=unit_assumptions(size.unit),
        source=SOURCES[method],
        proxy_risk=risk,
        tail=tail,
        proxy=proxy,
        method=method,
        valid_for_all_n=method == "betting_sequence",
    )


def paid_for(event: str, n_choices: int) -> str:
    """The ledger's name of an event that is one of `n_choices` predeclared points."""
    return event if n_choices == 1 else f"{event}, 1 of {n_choices} predeclared points"
