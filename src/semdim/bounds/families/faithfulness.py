"""Family 8: how much an autoencoder changes the model's loss, certified. Certificates.

Both quantities lie in [0, Δ]; M and S are frozen before the sample is drawn, so a holdout bound on
their mean needs no complexity. They are not one quantity:

* `faithfulness`: |g| of a text is |mean loss of the model − mean loss through the autoencoder| over
  its T − 1 predictions. Changes of single tokens cancel in it.
* `faithfulness_tokens`: the mean over a text's predictions of |ℓ_M − ℓ_S|. Nothing cancels, so it
  is never smaller.

Each is averaged over a document's texts, and its mean over documents is bounded. The second is
computed in `faithfulness_tokens`; `faithfulness_quantile` says how many documents may be above a
level.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.concentration import BET_CAP, SOURCES, Method, upper_mean
from semdim.bounds.estimand import mean_over_text
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import check_units, common, for_method, unit_assumptions
from semdim.bounds.validation import divided


def faithfulness(
    changes: np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "betting",
    n_choices: Choices = 1,
    proxy: str = "sae",
    k: int | float | None = None,
    per_token: bool = False,
    bet_cap: float = BET_CAP,
) -> Bound:
    """Family 8 from changes of the loss, one per unit, [size.n_units], bits per token.

    changes: |gaps|, or with `per_token` means of the tokens' own changes. The total reads: with
    probability 1 − δ this autoencoder changes the mean loss of a text (`per_token`: the loss of a
    token) by at most `total` bits, on average over new documents. Raises DataError for values that
    are NaN, outside [0, Δ], or not one per unit.
    """
    check_units(changes, size, "|gaps|")
    share = divided(failure_prob, n_choices)
    span = loss_range(vocab_size, smoothing)
    total = upper_mean(changes, 0.0, span, share, method, bet_cap=bet_cap)
    gap = float(changes.mean())
    event = "the change of a token's loss" if per_token else "the gap"
    return Bound(
        family="faithfulness_tokens" if per_token else "faithfulness",
        is_certificate=size.is_honest,
        subject=subject(size, smoothing, per_token=per_token),
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(failure_prob, (FailureShare(paid_for(event, n_choices), share),)),
        assumptions=unit_assumptions(size.unit),
        source=SOURCES[method],
        gap=gap,
        gap_tail=total - gap,
        k=k,
        proxy=proxy,
        method=method,
        valid_for_all_n=method == "betting_sequence",
        is_risk=False,
    )


def subject(size: SampleSize, smoothing: float, *, per_token: bool) -> str:
    """What family 8 bounds: the change of a window's mean loss, or of a token's."""
    alone = per_token or size.unit == "token"
    loss = "a token's loss" if alone else "the mean loss of a window"
    return mean_over_text(f"|change of {loss} by the autoencoder| (α = {smoothing:g})", size)


def of_each_proxy(
    changes: Mapping[str, np.ndarray],
    size: SampleSize,
    n_choices: Choices,
    spec: BoundSpec,
    *,
    per_token: bool = False,
    **model: Any,
) -> Iterator[Bound]:
    """Of the whole autoencoder, and of the one cut to the k that the settings fix.

    changes: by proxy; model: what `semdim.bounds.units.common` gives.
    """
    for proxy in proxies(spec):
        yield faithfulness(
            changes[proxy],
            size=size,
            method=spec.method,
            n_choices=n_choices,
            proxy=proxy,
            k=None if proxy == "sae" else spec.k,
            per_token=per_token,
            bet_cap=spec.bet_cap,
            **model,
        )


def proxies(spec: BoundSpec) -> tuple[str, ...]:
    """The proxies whose change is bounded, none twice."""
    return tuple(dict.fromkeys(("sae", spec.point_proxy)))


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """From the means of texts."""
    units, n_choices = for_method(table, spec, spec.method)
    return of_each_proxy(units.abs_gaps, units.size, n_choices, spec, **common(table, facts, spec))


register(
    Family(
        name="faithfulness",
        order=500,
        kinds=(
            Kind(
                name="faithfulness",
                number=8,
                words="how much the autoencoder changes the mean loss of a text",
                source="family 4 applied to |mean of ℓ_M − mean of ℓ_S|",
                is_certificate=True,
                curve=lambda bound: bound.proxy,
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model", "sae", spec.point_proxy),
        smoothings="main α",
    )
)
