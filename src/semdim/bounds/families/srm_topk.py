"""Family 3: structural risk minimisation over k, done by construction. A certificate.

Codes are truncated to their k largest contributions (ranked by c_j‖d_j‖), so no token has more than
k active atoms, as Definition 1 asks (a token that has fewer keeps them all), and k runs over a
predeclared grid of G values. Every proxy S_k is frozen, so each
is a class of one; the union over the grid is all that is paid. With ℓ_M ≤ ℓ_k + |ℓ_M − ℓ_k| at
every unit, with probability at least 1 − δ for all k of the grid at once:

    capped: R(M) ≤ mean(z_k) + U_δ/G,            z_k = min(ℓ_k + |g_k|, B) in [ℓmin, B]
    joint:  R(M) ≤ mean(z_k) + U_δ/G,            z_k = ℓ_k + |g_k| in [ℓmin, ℓmin + 2Δ]
    sum:    R(M) ≤ mean(ℓ_k) + U_δ/2G + mean|g_k| + U_δ/2G

A unit's ℓ_M is a mean of smoothed losses and so is at most B: the cap leaves z_k ≥ ℓ_M, and halves
the range that the concentration pays for. k = m, the whole autoencoder, may be in the grid too:
keeping the m largest contributions cuts nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, n_points, paid_for
from semdim.bounds.concentration import BET_CAP, SOURCES, Method, upper_mean
from semdim.bounds.estimand import risk_of
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec, SrmForm
from semdim.bounds.units import check_units, common, for_method, unit_assumptions
from semdim.bounds.validation import check_integer_k, check_n_active, check_values, divided
from semdim.errors import ConfigError

SOURCE = "Lemma 1 with |gap|, a union over k"
WHY_INTEGER = "hard truncation keeps a whole number of atoms"


def srm_frontier(
    proxy_losses: Mapping[Any, np.ndarray],
    abs_gaps: Mapping[Any, np.ndarray],
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    dict_size: int,
    method: Method = "betting",
    form: SrmForm = "capped",
    n_choices: Choices = 1,
    bet_cap: float = BET_CAP,
    names: Mapping[Any, str] | None = None,
) -> list[Bound]:
    """Family 3 at every k of the grid (the keys), all valid at once, in ascending k.

    proxy_losses, abs_gaps: smoothed losses of topk_<k> and |gaps| to the model by k, one value per
    unit, [size.n_units], bits. `n_choices` predeclared points share δ first (or it says the part of
    this one), the grid then. `names`: the proxies by k, where they are not topk_<k>.

    Raises ConfigError for a k that is no integer in 1 … m or grids that differ; DataError for
    values that are NaN, out of range, or not one per unit.
    """
    if not proxy_losses or set(proxy_losses) != set(abs_gaps):
        raise ConfigError("srm_topk needs losses and |gaps| for the same, non-empty grid of k.")
    share = divided(failure_prob, n_choices) / len(proxy_losses)
    low, high = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    span = loss_range(vocab_size, smoothing)
    upper = partial(upper_mean, method=method, bet_cap=bet_cap)
    bounds = []
    for k in sorted(proxy_losses):
        check_n_active(check_integer_k(k, WHY_INTEGER), dict_size, least=1.0)
        losses, gaps = proxy_losses[k], abs_gaps[k]
        proxy = (names or {}).get(k, f"topk_{k}")
        check_units(losses, size, f"losses of {proxy}")
        check_units(gaps, size, f"|gaps| of {proxy}")
        risk, gap = float(losses.mean()), float(gaps.mean())
        gap_tail: float | None = None
        if form == "sum":
            tail = upper(losses, low, high, share / 2) - risk
            gap_tail = upper(gaps, 0.0, span, share / 2) - gap
            shares = [
                FailureShare(paid_for(f"the risk of {proxy}", n_choices), share / 2),
                FailureShare(paid_for(f"the gap of {proxy}", n_choices), share / 2),
            ]
        else:
            check_values(losses, low, high, f"losses of {proxy}")
            check_values(gaps, 0.0, span, f"|gaps| of {proxy}")
            z, top = losses + gaps, high + span
            if form == "capped":
                z, top = np.minimum(z, high), high
            tail = upper(z, low, top, share) - (risk + gap)
            shares = [FailureShare(paid_for(f"loss + |gap| at k = {k}", n_choices), share)]
        bounds.append(
            Bound(
                family="srm_topk_frontier",
                is_certificate=size.is_honest,
                subject=risk_of("the model", size, smoothing),
                size=size,
                vocab_size=vocab_size,
                smoothing=smoothing,
                budget=Budget(failure_prob, tuple(shares)),
                assumptions=(
                    *unit_assumptions(size.unit),
                    f"k was to be one of the predeclared {sorted(proxy_losses)}",
                ),
                source=f"{SOURCE}, and {SOURCES[method]}",
                proxy_risk=risk,
                gap=gap,
                tail=tail,
                gap_tail=gap_tail,
                k=k,
                dict_size=dict_size,
                proxy=proxy,
                method=method,
                valid_for_all_n=method == "betting_sequence",
                details={"form": form, "n_k": len(proxy_losses), "n_points": n_points(n_choices)},
            )
        )
    return bounds


def srm_topk(frontier: Sequence[Bound]) -> Bound:
    """The frontier's smallest total: k*(N). It is a certificate too, since all k hold at once; its
    ledger shows every k's share. Ties go to the smaller k."""
    if not frontier:
        raise ConfigError("The frontier is empty, so no k can be chosen.")
    best = min(frontier, key=lambda bound: (bound.total, bound.k))
    shares = tuple(share for bound in frontier for share in bound.budget.shares)
    changed = {
        "family": "srm_topk",
        "budget": Budget(best.budget.failure_prob, shares),
    }
    return Bound(**{**best.__dict__, **changed})


def frontier_bounds(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
    """Family 3 at every k of the grid, each with its share of δ, by ascending k."""
    units, n_choices = for_method(table, spec, spec.method)
    names = {k: f"topk_{k}" for k in spec.topk_grid}
    if spec.srm_whole_sae:
        names.setdefault(facts.dict_size, "sae")
    return srm_frontier(
        {k: units.losses[name] for k, name in names.items()},
        {k: units.abs_gaps[name] for k, name in names.items()},
        names=names,
        size=units.size,
        dict_size=facts.dict_size,
        method=spec.method,
        form=spec.srm_form,
        n_choices=n_choices,
        bet_cap=spec.bet_cap,
        **common(table, facts, spec),
    )


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """The best k, then every k; nothing without a grid of k."""
    if spec.topk_grid:
        frontier = frontier_bounds(table, facts, spec)
        yield srm_topk(frontier)
        yield from frontier


register(
    Family(
        name="srm_topk",
        order=400,
        kinds=(
            Kind(
                name="srm_topk",
                number=3,
                words="codes cut to the best k of a grid: the paper's idea as a theorem",
                source=SOURCE,
                is_certificate=True,
                more=lambda bound: {"srm_topk_k": bound.k},
            ),
            Kind(
                name="srm_topk_frontier",
                number=3,
                words="codes cut to k, one row for every k of the grid",
                source=SOURCE,
                is_certificate=True,
                curve=lambda bound: bound.k,
                headline="none",
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model", *(f"topk_{k}" for k in spec.topk_grid)),
    )
)
