"""What a quantity of a certificate declares, and the registry of those that there are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from semdim.certificate.documents import Documents
from semdim.certificate.number import Number
from semdim.registry import Registry


@dataclass(frozen=True)
class Quantity:
    """The numbers that one file brings."""

    order: int
    """Where they stand, smallest first."""
    compute: Callable[[Documents], Iterable[Number]]
    """Its numbers. A `semdim.errors.DataError` leaves them out, with its sentence."""


QUANTITIES: Registry[Quantity] = Registry("quantity", "semdim.certificate.quantities")


def quantities() -> list[tuple[str, Quantity]]:
    """All of them, in their order."""
    found = [(name, QUANTITIES[name]) for name in QUANTITIES]
    return sorted(found, key=lambda entry: (entry[1].order, entry[0]))
