"""Family 4 for each source of the text, and for the mixture of them. Certificates.

A sample of articles and news follows two laws. What the holdout bound certifies is the risk of a
mixture of the two, in the shares that the sample happens to have, and of neither by itself. Given
the labels of the documents, those of each source are independent draws from that source's law, so
a holdout bound at δ/s for each of s sources holds for all of them at once:

    R(M | source) ≤ R̂(M | source) + U_δ/s

The mixture's row is a statement of its own at δ, as each family is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare, paid_for
from semdim.bounds.concentration import BET_CAP, SOURCES, Method, upper_mean
from semdim.bounds.estimand import risk_of
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.bounds.shares import Choices
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import at_one_n, check_units, common, unit_assumptions
from semdim.bounds.validation import check_values, divided
from semdim.errors import DataError

SOURCE = "conditioning on the source"
MOST_SOURCES = 50


def holdout_by_source(
    losses: np.ndarray,
    source: np.ndarray,
    labels: Sequence[str],
    *,
    size: SampleSize,
    vocab_size: int,
    smoothing: float,
    failure_prob: float,
    method: Method = "betting",
    n_choices: Choices = 1,
    bet_cap: float = BET_CAP,
) -> list[Bound]:
    """A bound for each source, which all hold at once, and then one for their mixture.

    losses: smoothed loss of the model in bits, one value per unit, [size.n_units]. source: index in
    ``labels`` of each unit's source, [size.n_units]; every label has a unit. A source with too few
    units for the method is given the loss ceiling, which needs no data, and says so.

    Raises DataError for fewer than two sources or more than 50, for a label without a unit, and for
    values that are NaN, out of range, or not one per unit.
    """
    n_sources = len(labels)
    if not 2 <= n_sources <= MOST_SOURCES:
        raise DataError(
            f"bounds per source are given for 2 to {MOST_SOURCES} sources, the text has "
            f"{n_sources}: label its documents with fewer."
        )
    check_units(losses, size, "losses")
    check_units(source, size, "the sources")
    floor, ceiling = loss_floor(vocab_size, smoothing), loss_ceiling(vocab_size, smoothing)
    check_values(losses, floor, ceiling, "losses")
    counts = np.bincount(source, minlength=n_sources)
    if len(counts) > n_sources or not counts.all():
        raise DataError(f"The sources must be the numbers 0 … {n_sources - 1}, each with a unit.")
    whole = divided(failure_prob, n_choices)
    _, frozen = unit_assumptions(size.unit)

    def bound(
        family: str, inside: np.ndarray, share: float, event: str, subject: str, law: str
    ) -> Bound:
        is_measured = len(inside) >= (2 if method == "maurer_pontil" else 1)
        risk = float(inside.mean()) if is_measured else None
        upper = ceiling
        if is_measured:
            upper = upper_mean(inside, floor, ceiling, share, method, bet_cap=bet_cap)
        note = () if is_measured else ("too few units of this source: the bound is the ceiling",)
        return Bound(
            family=family,
            is_certificate=size.is_honest,
            subject=risk_of(f"the model on {subject}", size, smoothing),
            size=size,
            vocab_size=vocab_size,
            smoothing=smoothing,
            budget=Budget(failure_prob, (FailureShare(paid_for(event, n_choices), share),)),
            assumptions=(f"the {size.unit}s {law}", frozen, *note),
            source=SOURCES[method],
            proxy_risk=risk,
            tail=upper - (risk or 0.0),
            proxy="model",
            method=method,
            n_units=len(inside),
        )

    rows = []
    for index, label in enumerate(labels):
        row = bound(
            "holdout_by_source",
            losses[source == index],
            whole / n_sources,
            f"{label}, 1 of {n_sources} sources",
            f"{label} {size.unit}s",
            "of each source are independent draws from that source's law, and the risk is that "
            "law's",
        )
        details: dict[str, float | str] = {
            "source": label,
            "source_share": float(counts[index] / size.n_units),
        }
        rows.append(replace(row, source=f"{SOURCE}, and {row.source}", details=details))
    mixture = in_words(labels, counts)
    law = f"are independent draws from {mixture}, in these shares up to chance"
    subject = f"{mixture} {size.unit}s, as in the sample"
    return [*rows, bound("holdout_mixture", losses, whole, "the risk", subject, law)]


def in_words(labels: Sequence[str], counts: np.ndarray) -> str:
    """``a mixture of 26 % wikipedia and 74 % news``."""
    shares = 100 * counts / counts.sum()
    parts = [
        f"{f'{share:.0f}' if share >= 0.5 else 'under 1'} % {label}"
        for label, share in zip(labels, shares, strict=True)
    ]
    return f"a mixture of {', '.join(parts[:-1])} and {parts[-1]}"


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Rows for each source and their mixture; nothing for a text whose sources are not known, or of
    a single one. Given at one N and at the main α, they pay for neither."""
    if len(facts.document_sources) == 0:
        return
    units = table.by_unit(spec.unit)
    of_document = np.asarray(facts.document_sources)
    if int(units.document.max()) >= len(of_document):
        raise DataError(
            f"The ledger's facts name the source of {len(of_document)} documents, its rows have "
            f"document {int(units.document.max())}."
        )
    # Of the sources of the whole text, those that the first N tokens have.
    present, source = np.unique(of_document[units.document], return_inverse=True)
    if len(present) < 2:
        return
    yield from holdout_by_source(
        units.losses["model"],
        source,
        [facts.sources[index] for index in present],
        size=units.size,
        method=at_one_n(spec.method),
        n_choices=spec.shares.here,
        bet_cap=spec.bet_cap,
        **common(table, facts, spec),
    )


register(
    Family(
        name="holdout_by_source",
        order=150,
        kinds=(
            Kind(
                name="holdout_by_source",
                number=4,
                words="the model's own losses on the text of one source",
                source=SOURCE,
                is_certificate=True,
                curve=lambda bound: bound.details["source"],
                headline="total",
            ),
            Kind(
                name="holdout_mixture",
                number=4,
                words="the model's own losses on the mixture of sources that the sample is",
                source="; ".join(SOURCES.values()),
                is_certificate=True,
                headline="total",
            ),
        ),
        compute=compute,
        about="model",
        needs=lambda spec: ("model",),
        at="largest N",
        smoothings="main α",
    )
)
