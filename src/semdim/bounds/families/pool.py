"""Families 6 and 7: the proxy restricted to a set J of P of the dictionary's m atoms.

S_J drops every atom outside J, so a unit whose sequences use no atom outside J has the loss of S
itself. η is the expected share of a unit's sequences that do. With H(L) = Δ√(L/2n):

    split (6):      R(M) ≤ R̂_J + ε̂ + Δη̂ + 2H(ln(3/δ)) + H(ln(6/δ))
    occam (6):      R(M) ≤ R̂_J + ε̂ + Δη̂ + H(ln(3/δ)) + H(ln C(m,P) + ln(3/δ)) + H(ln(6/δ))
    occam_pool (7): R(S_J∘M) ≤ R̂_J + H(ln C(m,P) + ln(G/δ)) for every J of size P at once

split: J was fixed on other documents. occam and occam_pool: J was chosen in any way, on the same
sample or not. Families 6 certify M, family 7 certifies the restricted predictor h_J = S_J∘M.

Why one ln C(m,P) suffices in `occam`, although both R̂_J and η̂ depend on J: let w_J be ℓ_J, with
B in place of the loss of every sequence that leaves J. Then ℓ_S ≤ w_J and w_J lies in [ℓmin, B],
so one union bound gives E ℓ_S ≤ mean(w_J) + H(ln C(m,P) + ln(3/δ)) for all J, and
mean(w_J) ≤ R̂_J + Δη̂. The remaining H(ln(3/δ)) is spare. (R(M) does not depend on J at all, which
is why family 4 is below both.)
"""

import math
from collections.abc import Iterator

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, n_points
from semdim.bounds.calibration import outside_pool
from semdim.bounds.concentration import BET_CAP, SOURCES, Method, hoeffding_width, upper_mean
from semdim.bounds.estimand import risk_of
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import log_choose, loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import at_one_n, check_units, common, split, unit_assumptions
from semdim.bounds.validation import check_mean, check_pool_size, divided
from semdim.errors import ConfigError

SOURCE = "Lemma 1 with |gap|, a union bound over three events, Hoeffding 1963"
OVER_SETS = "over all sets of P atoms"


def pool(
    *,
    proxy_risk: float,
    gap: float,
    outside_share: float,
    pool_size: int,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    chosen_on_sample: bool,
    n_choices: Choices = 1,
) -> Bound:
    """Family 6: `split` (J fixed on other documents) or `occam` (`chosen_on_sample`).

    proxy_risk R̂_J: mean smoothed loss of the restricted proxy, bits. gap ε̂: mean |g| between the
    model and the full autoencoder, bits. outside_share η̂: mean share of a unit's sequences that
    use an atom outside J. `n_choices` predeclared points (pool sizes, N, α) share δ.

    Raises ConfigError for P > m or δ; DataError for means that are NaN or out of range.
    """
    check_pool_size(pool_size, dict_size)
    span = loss_range(vocab_size, smoothing)
    _check_risk(proxy_risk, vocab_size, smoothing)
    check_mean(gap, 0.0, span, "gap")
    check_mean(outside_share, 0.0, 1.0, "outside_share")
    n_units, share = size.n_units, divided(failure_prob, n_choices) / 3
    one = hoeffding_width(span, math.log(1.0 / share), n_units)
    two_sided = hoeffding_width(span, math.log(2.0 / share), n_units)
    priced = None
    if chosen_on_sample:
        log_term = log_choose(dict_size, pool_size) + math.log(1.0 / share)
        priced = hoeffding_width(span, log_term, n_units)
    origin = "in any way, on the same sample" if chosen_on_sample else "on other documents"
    return Bound(
        family="pool_occam" if chosen_on_sample else "pool_split",
        is_certificate=size.is_honest,
        subject=risk_of("the model", size, smoothing),
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(
            failure_prob,
            (
                FailureShare("the risk of the restricted proxy", share),
                FailureShare("the share of sequences outside the pool", share),
                FailureShare("the gap, two-sided", share),
            ),
        ),
        assumptions=(*unit_assumptions(size.unit), f"the pool was chosen {origin}"),
        source=SOURCE + (f", and {OVER_SETS}" if chosen_on_sample else ""),
        proxy_risk=proxy_risk,
        gap=gap,
        outside=span * outside_share,
        complexity=priced,
        tail=one if chosen_on_sample else 2.0 * one,
        gap_tail=two_sided,
        dict_size=dict_size,
        pool_size=pool_size,
        proxy=f"pool_{pool_size}",
        method="hoeffding",
        details={"outside_share": outside_share, "n_points": n_points(n_choices)}
        | ({"log_choose_nats": log_choose(dict_size, pool_size)} if chosen_on_sample else {}),
    )


def occam_pool(
    proxy_risk: float,
    *,
    pool_size: int,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: Choices = 1,
) -> Bound:
    """Family 7: R(h_J) ≤ R̂(h_J) + Δ√((ln C(m,P) + ln(G/δ))/2n) for all J of size P at once.

    Here the sparse semantic dimension is literally a description length: what naming the atoms
    costs. `n_choices` is G, the predeclared points (pool sizes, N, α). It certifies h_J, not M.
    Raises ConfigError for P > m or δ; DataError for a mean that is NaN or out of range.
    """
    check_pool_size(pool_size, dict_size)
    _check_risk(proxy_risk, vocab_size, smoothing)
    nats = log_choose(dict_size, pool_size)
    span, share = loss_range(vocab_size, smoothing), divided(failure_prob, n_choices)
    tail = hoeffding_width(span, math.log(1.0 / share), size.n_units)
    total = hoeffding_width(span, nats + math.log(1.0 / share), size.n_units)
    model = (size, vocab_size, smoothing, failure_prob)
    terms = (proxy_risk, total - tail, tail)
    return _occam_bound(terms, pool_size, dict_size, *model, n_choices, "hoeffding")


def occam_pool_from_losses(
    losses: np.ndarray,
    *,
    pool_size: int,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "betting",
    n_choices: Choices = 1,
    bet_cap: float = BET_CAP,
) -> Bound:
    """Family 7 from losses of h_J, one per unit, [size.n_units], bits, by any method.

    The union over the C(m, P) sets is the same: each has the share δ/(G·C(m, P)).
    """
    check_pool_size(pool_size, dict_size)
    check_units(losses, size, f"losses of pool_{pool_size}")
    low, high = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    nats, share = log_choose(dict_size, pool_size), divided(failure_prob, n_choices)
    unpriced = upper_mean(losses, low, high, share, method, bet_cap=bet_cap)
    risk = float(losses.mean())
    total = upper_mean(losses, low, high, share, method, nats, bet_cap)
    model = (size, vocab_size, smoothing, failure_prob)
    terms = (risk, total - unpriced, unpriced - risk)
    return _occam_bound(terms, pool_size, dict_size, *model, n_choices, method)


def _occam_bound(
    terms: tuple[float, float, float],
    pool_size: int,
    dict_size: int,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: Choices,
    method: Method,
) -> Bound:
    share = FailureShare(
        f"all sets of {pool_size} of {dict_size} atoms", divided(failure_prob, n_choices)
    )
    return Bound(
        family="occam_pool",
        is_certificate=size.is_honest,
        subject=risk_of("the restricted predictor h_J (not of the model)", size, smoothing),
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(failure_prob, (share,)),
        assumptions=(
            *unit_assumptions(size.unit),
            "the pool was chosen in any way, on the same sample or not",
        ),
        source=f"a union bound {OVER_SETS}, and {SOURCES[method]}",
        proxy_risk=terms[0],
        complexity=terms[1],
        tail=terms[2],
        dict_size=dict_size,
        pool_size=pool_size,
        proxy=f"pool_{pool_size}",
        method=method,
        valid_for_all_n=method == "betting_sequence",
        details={
            "log_choose_nats": log_choose(dict_size, pool_size),
            "n_points": n_points(n_choices),
        },
    )


def _check_risk(value: float, vocab_size: int, smoothing: float) -> None:
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_mean(value, floor, ceiling, "proxy_risk")


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Families 6 and 7 for each P, at δ/(J·G): `split` on the documents that the pools were not
    chosen on, `occam` and `occam_pool` on all of them. Nothing without pools.

    Raises:
        ConfigError: the unit is the token, or the table has no atom ranks.
    """
    if not spec.pool_sizes:
        return
    if table.max_rank is None:
        raise ConfigError("bound.pool_sizes needs the largest atom rank of every sequence.")
    if spec.unit == "token":
        raise ConfigError("The pool families need the unit document or sequence, not token.")
    n_choices = spec.shares.here.among(len(spec.pool_sizes))
    shared = common(table, facts, spec) | {"dict_size": facts.dict_size, "n_choices": n_choices}
    rest, _ = split(table, spec)
    for pool_size in spec.pool_sizes:
        for part, chosen_on_sample in ((rest, False), (table, True)):
            assert part.max_rank is not None
            units = part.by_unit(spec.unit)
            outside = outside_pool(part.max_rank, pool_size, facts.dict_size)
            shares = part.mean_per_unit(outside.astype(np.float64), spec.unit)
            yield pool(
                proxy_risk=float(units.losses[f"pool_{pool_size}"].mean()),
                gap=float(units.abs_gaps["sae"].mean()),
                outside_share=float(shares.mean()),
                pool_size=pool_size,
                size=units.size,
                chosen_on_sample=chosen_on_sample,
                **shared,
            )
        units = table.by_unit(spec.unit)
        yield occam_pool_from_losses(
            units.losses[f"pool_{pool_size}"],
            pool_size=pool_size,
            size=units.size,
            method=at_one_n(spec.method),
            bet_cap=spec.bet_cap,
            **shared,
        )


def _kind(name: str, number: int, words: str, source: str) -> Kind:
    return Kind(name, number, words, source, True, curve=lambda bound: bound.pool_size)


register(
    Family(
        name="pool",
        order=600,
        kinds=(
            _kind("pool_split", 6, "only P atoms, chosen on other documents", SOURCE),
            _kind(
                "pool_occam",
                6,
                "only P atoms, chosen on the same documents and paid for",
                f"{SOURCE}, and {OVER_SETS}",
            ),
            _kind(
                "occam_pool",
                7,
                "the predictor that keeps P atoms, however chosen (not the model)",
                f"a union bound {OVER_SETS}",
            ),
        ),
        compute=compute,
        needs=lambda spec: (
            () if not spec.pool_sizes else ("sae", *(f"pool_{size}" for size in spec.pool_sizes))
        ),
    )
)
