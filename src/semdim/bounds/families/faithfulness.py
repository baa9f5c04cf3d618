"""Family 8: how much an autoencoder changes the model's loss, certified. A certificate.

|g| lies in [0, Δ]; M and S are frozen before the sample is drawn, so a holdout bound on its mean
needs no complexity: with probability at least 1 − δ, E|ℓ_M − ℓ_S| ≤ mean|g| + U_δ.
"""

from collections.abc import Iterator

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.candidates import for_each_candidate
from semdim.bounds.concentration import SOURCES, Method, upper_mean
from semdim.bounds.estimand import mean_over_text
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_range
from semdim.bounds.result import Bound, SampleSize, Unit
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import check_units, common, for_method, unit_assumptions
from semdim.bounds.validation import divided


def faithfulness(
    abs_gaps: np.ndarray,
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "betting",
    n_choices: int = 1,
    proxy: str = "sae",
    k: int | float | None = None,
) -> Bound:
    """Family 8 from |gaps|, one per unit, [size.n_units], bits per token.

    The total reads: with probability 1 − δ this autoencoder changes the model's mean loss on a
    sequence by at most `total` bits per token on average. Raises DataError for values that are
    NaN, outside [0, Δ], or not one per unit.
    """
    check_units(abs_gaps, size, "|gaps|")
    share = divided(failure_prob, n_choices)
    span = loss_range(vocab_size, smoothing)
    total = upper_mean(abs_gaps, 0.0, span, share, method)
    gap = float(abs_gaps.mean())
    return Bound(
        family="faithfulness",
        is_certificate=size.is_honest,
        subject=mean_over_text(_change(size.unit, smoothing), size),
        size=size,
        vocab_size=vocab_size,
        smoothing=smoothing,
        budget=Budget(failure_prob, (FailureShare(paid_for("the gap", n_choices), share),)),
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


def _change(unit: Unit, smoothing: float) -> str:
    """The gap in words: of a window's mean loss, or (unit token) of a token's."""
    loss = "loss" if unit == "token" else "mean loss of a window"
    return f"|change of the {loss} by the autoencoder| (α = {smoothing:g})"


@for_each_candidate
def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Family 8 of the whole autoencoder, and of the one cut to the k that the settings fix."""
    units, n_choices = for_method(table, spec, spec.method)
    for proxy in dict.fromkeys(("sae", spec.point_proxy)):
        yield faithfulness(
            units.abs_gaps[proxy],
            size=units.size,
            method=spec.method,
            n_choices=n_choices,
            proxy=proxy,
            k=None if proxy == "sae" else spec.k,
            **common(table, facts, spec),
        )


register(
    Family(
        name="faithfulness",
        order=500,
        kinds=(
            Kind(
                name="faithfulness",
                number=8,
                words="how much the autoencoder changes the model's loss",
                source="family 4 applied to |ℓ_M − ℓ_S|",
                is_certificate=True,
                curve=lambda bound: bound.proxy,
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model", "sae", spec.point_proxy),
    )
)
