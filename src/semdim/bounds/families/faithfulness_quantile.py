"""Family 8, of single documents: how many of them may be changed by more. A certificate.

A bound on the mean leaves open that some documents are changed much. For each predeclared share q,
with probability at least 1 − δ for all of them at once,

    at most q of the documents have |g| > x_q,

x_q an order statistic of the sample (`semdim.bounds.order_statistics`). A document above a level is
above every lower one, so this bounds the share above *any* level x: it is at most the smallest q of
the grid with x_q ≤ x. It needs no range of the loss: only that documents are independent.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.estimand import mean_over_text
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.order_statistics import SOURCE, quantile_upper
from semdim.bounds.quantities import loss_range
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import check_units, common, unit_assumptions
from semdim.bounds.validation import check_values, divided


def faithfulness_quantile(
    changes: np.ndarray,
    shares_above: Sequence[float],
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    n_choices: Choices = 1,
    proxy: str = "sae",
) -> list[Bound]:
    """One bound for each share q, in the order given; all hold at once. Totals in bits.

    changes: |gaps|, one per unit, [size.n_units]. Where n is too small for a q, the total is Δ,
    which needs no data. Raises DataError for values that are NaN, outside [0, Δ], or not one per
    unit; ConfigError for a q outside (0, 1).
    """
    span = loss_range(vocab_size, smoothing)
    check_units(changes, size, "|gaps|")
    check_values(changes, 0.0, span, "|gaps|")
    share = divided(failure_prob, n_choices) / len(shares_above)
    bounds = []
    for above in shares_above:
        total = quantile_upper(changes, span, above, share)
        measured = float(np.quantile(changes, 1.0 - above))
        name = paid_for(f"the share {above:g} of {len(shares_above)} shares", n_choices)
        bounds.append(
            Bound(
                family="faithfulness_quantile",
                is_certificate=size.is_honest,
                subject=exceeded(above, size, smoothing),
                size=size,
                vocab_size=vocab_size,
                smoothing=smoothing,
                budget=Budget(failure_prob, (FailureShare(name, share),)),
                assumptions=unit_assumptions(size.unit),
                source=SOURCE,
                gap=measured,
                gap_tail=total - measured,
                proxy=proxy,
                method="binomial",
                is_risk=False,
                details={"share_above": above},
            )
        )
    return bounds


def exceeded(above: float, size: SampleSize, smoothing: float) -> str:
    """What is bounded: the level of change that at most a share of the units exceed."""
    change = mean_over_text(
        f"|change of the mean loss of a window by the autoencoder| (α = {smoothing:g})", size
    )
    return f"level that at most {above:g} of the {size.unit}s exceed in the {change}"


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Of the whole autoencoder; nothing without shares."""
    if spec.shares_above:
        units = table.by_unit(spec.unit)
        yield from faithfulness_quantile(
            units.abs_gaps["sae"],
            spec.shares_above,
            size=units.size,
            n_choices=spec.shares.here,
            **common(table, facts, spec),
        )


register(
    Family(
        name="faithfulness_quantile",
        order=710,
        kinds=(
            Kind(
                name="faithfulness_quantile",
                number=8,
                words="change of a text's mean loss that at most a share of the documents exceeds",
                source=SOURCE,
                is_certificate=True,
                curve=lambda bound: bound.details["share_above"],
                headline="none",
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model", "sae"),
        at="largest N",
        smoothings="main α",
    )
)
