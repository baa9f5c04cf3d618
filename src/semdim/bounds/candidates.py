"""What it costs to have chosen the autoencoder on the very text that the certificate is taken on.

Anyone who measures several autoencoders on a text and keeps the best lets it choose. If each
of the c candidates gets δ/c, all their statements hold at once with probability 1 − δ, and so does
that of the one which was kept, however it was chosen. The model's own losses know no autoencoder:
the families that use them alone pay nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.budget import Budget, FailureShare
from semdim.bounds.family import BoundFacts
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.bounds.validation import divided

Compute = Callable[[SequenceTable, BoundFacts, BoundSpec], Iterable[Bound]]


def for_each_candidate(
    compute: Compute,
) -> Callable[[SequenceTable, BoundFacts, BoundSpec], list[Bound]]:
    """What computes bounds about an autoencoder, at δ/c for c = ``facts.n_candidates``; the rest of
    δ is set aside for the c − 1 that were not kept, and each bound says so.

    The function raises ConfigError when c is no whole number of at least 1, and what ``compute``
    raises.
    """

    @wraps(compute)
    def paying(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> list[Bound]:
        share = divided(spec.failure_prob, facts.n_candidates)
        found = compute(table, facts, replace(spec, failure_prob=share))
        return [_paid(bound, spec.failure_prob, facts.n_candidates) for bound in found]

    return paying


def _paid(bound: Bound, failure_prob: float, n_candidates: int) -> Bound:
    if n_candidates == 1:
        return bound
    others = FailureShare(
        f"as much for each of the {n_candidates - 1} other autoencoders that were measured here",
        bound.budget.spent * (n_candidates - 1),
    )
    frozen = tuple(
        text.replace(
            "the autoencoder were frozen", "every candidate for the autoencoder was frozen"
        )
        for text in bound.assumptions
    )
    choice = (
        f"the autoencoder was one of {n_candidates} that were measured on this text, and the "
        "certificate pays for the choice"
    )
    return replace(
        bound,
        budget=Budget(failure_prob, (*bound.budget.shares, others)),
        assumptions=(*frozen, choice),
    )
