"""Family 8, token by token: how much an autoencoder changes the loss of a token. A certificate.

The value of a text is the mean over its predictions of |ℓ_M − ℓ_S|. In a text's |g| changes of both
signs cancel; here they do not, so this is never smaller.
"""

from collections.abc import Iterator
from dataclasses import replace

from semdim.bounds.aggregate import SequenceTable
from semdim.bounds.families.faithfulness import of_each_proxy, proxies
from semdim.bounds.family import BoundFacts, Family, Kind, register
from semdim.bounds.result import Bound
from semdim.bounds.spec import BoundSpec
from semdim.bounds.units import common, for_method, token_gaps_of


def token_changes(table: SequenceTable, proxies: tuple[str, ...]) -> SequenceTable:
    """The table with the mean over a sequence's tokens of |ℓ_M − ℓ_S| in place of its losses.

    Raises:
        DataError: it has no losses of single tokens.
    """
    return replace(
        table, losses={name: token_gaps_of(table, name) for name in proxies}, token_losses={}
    )


def compute(table: SequenceTable, facts: BoundFacts, spec: BoundSpec) -> Iterator[Bound]:
    """Of the same proxies as faithfulness; nothing with tokens as units, where the two are one."""
    if spec.unit == "token":
        return
    changes = token_changes(table, proxies(spec))
    units, n_choices = for_method(changes, spec, spec.method)
    yield from of_each_proxy(
        units.losses, units.size, n_choices, spec, per_token=True, **common(table, facts, spec)
    )


register(
    Family(
        name="faithfulness_tokens",
        order=510,
        kinds=(
            Kind(
                name="faithfulness_tokens",
                number=8,
                words="how much the autoencoder changes the loss of a token",
                source="family 4 applied to the mean of |ℓ_M − ℓ_S|",
                is_certificate=True,
                curve=lambda bound: bound.proxy,
            ),
        ),
        compute=compute,
        needs=lambda spec: ("model", "sae", spec.point_proxy),
        smoothings="main α",
        needs_tokens=lambda spec: ("model", "sae", spec.point_proxy),
    )
)
