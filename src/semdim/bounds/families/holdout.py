"""Family 4: a bound on the model's own risk from its losses alone. A certificate.

M is frozen before the sample is drawn, so the class has one member and no complexity is paid:
R(M) ≤ R̂(M) + U. Because ℓ_S + |g| ≥ ℓ_M at every unit, the measured part of a bound of the proxy
kind is never below the measured part here. With Hoeffding, whose U is fixed by range, n and δ, the
same holds of the bounds. With betting and Maurer–Pontil U depends on the sample, so that a bound of
the proxy kind can be below this one by a little, by luck.
"""

import math
from collections.abc import Iterator

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.calculator import Calculation, Line, Question
from semdim.bounds.concentration import (
    BET_CAP,
    METHODS,
    SOURCES,
    Method,
    hoeffding_width,
    upper_mean,
)
from semdim.bounds.estimand import risk_of
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import check_units, common, for_method, unit_assumptions
from semdim.bounds.validation import check_mean, divided


def holdout(
    losses: np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "hoeffding",
    n_choices: Choices = 1,
    proxy: str = "model",
    bet_cap: float = BET_CAP,
) -> Bound:
    """Family 4 from smoothed losses, one per unit, shape [size.n_units], bits.

    `n_choices` predeclared points (sizes N, values of α) share δ, or it says the part of this one;
    a betting sequence pays nothing for N. Raises DataError for losses that are NaN, outside
    [floor, ceiling], or not one per unit.
    """
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_units(losses, size, "losses")
    share = divided(failure_prob, n_choices)
    total = upper_mean(losses, floor, ceiling, share, method, bet_cap=bet_cap)
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
    n_choices: Choices = 1,
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
    n_choices: Choices,
    proxy: str,
) -> Bound:
    share = FailureShare(paid_for("the risk", n_choices), divided(failure_prob, n_choices))
    return Bound(
        family="holdout",
        is_certificate=size.is_honest,
        subject=risk_of("the model", size, smoothing),
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


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Family 4 by every method, whichever the settings prefer."""
    for method in METHODS:
        units, n_choices = for_method(table, spec, method)
        yield holdout(
            units.losses["model"],
            size=units.size,
            method=method,
            n_choices=n_choices,
            bet_cap=spec.bet_cap,
            **common(table, facts, spec),
        )


def _lines(question: Question) -> list[Line]:
    """By Hoeffding; empty when the number of documents was not given."""
    q = question
    if q.n_documents is None:
        return []
    span = loss_range(q.vocab_size, q.smoothing)
    tail = hoeffding_width(span, math.log(1.0 / q.failure_prob), q.n_documents)
    lines = [Line("tail", tail, "bits", f"Δ√(ln(1/δ)/2n) at n = {q.n_documents} documents")]
    if q.model_risk is not None:
        bound = holdout_from_mean(
            q.model_risk,
            size=SampleSize(q.n_tokens, None, q.n_documents, "document"),
            vocab_size=q.vocab_size,
            smoothing=q.smoothing,
            failure_prob=q.failure_prob,
        )
        verdict = "below" if bound.is_non_vacuous else "NOT below"
        lines.append(Line("total", bound.total, "bits", f"risk + tail, {verdict} log2 V"))
    return lines


register(
    Family(
        name="holdout",
        order=100,
        kinds=(
            Kind(
                name="holdout",
                number=4,
                words="the model's own losses on text it never saw",
                source="; ".join(SOURCES.values()),
                is_certificate=True,
                curve=lambda bound: bound.method,
                calculation=Calculation("holdout by Hoeffding", _lines),
            ),
        ),
        compute=compute,
        about="model",
        needs=lambda spec: ("model",),
    )
)
