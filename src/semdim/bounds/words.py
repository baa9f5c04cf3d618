"""What each family says and what it is worth, in words, for people who did not read the code.

``FAMILIES`` (words by the name of the rows) and ``NOT_CERTIFICATES`` (names of the rows that prove
nothing, whatever the unit) are made when they are asked for, so that plugins' families are there.
"""

from typing import Any

from semdim.bounds.family import kinds

LABELS = {True: "certificate", False: "not a certificate"}


def __getattr__(name: str) -> Any:
    if name == "FAMILIES":
        return {kind.name: kind.words for kind in kinds().values()}
    if name == "NOT_CERTIFICATES":
        return tuple(kind.name for kind in kinds().values() if not kind.is_certificate)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def in_words(family: str) -> str:
    """What a row of this name says; empty for one that no family here gives."""
    kind = kinds().get(family)
    return "" if kind is None else kind.words


def can_be_certificate(family: str) -> bool:
    """False for a family that proves nothing, whatever the unit: every print of it says so. One
    that is not known here counts as what its rows say."""
    kind = kinds().get(family)
    return kind is None or kind.is_certificate


def status(family: str, is_certificate: bool, unit: str | None = None) -> str:
    """`certificate`, or `not a certificate` with the reason that is not the family's own."""
    if not is_certificate and can_be_certificate(family) and unit is not None:
        return f"{LABELS[False]} (the {unit}s are not independent)"
    return LABELS[is_certificate]
