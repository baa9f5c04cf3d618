"""A certificate's numbers as text."""

from collections.abc import Iterator

from semdim.certificate.certificate import Certificate
from semdim.certificate.number import Number

WORTH = {
    "certificate": "certificate",
    "approximation": "approximate interval, no theorem",
    "sample": "of this sample alone",
}


def figure(value: float, unit: str) -> str:
    """A value with as many digits as are read, and a minus sign that is one."""
    return _digits(value, unit).replace("-", "−")


def _digits(value: float, unit: str) -> str:
    if unit == "atoms" and value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 10 or unit == "atoms":
        return f"{value:.2f}"
    return f"{value:.4f}" if size >= 0.001 or size == 0 else f"{value:.2g}"


def unit_of(number: Number) -> str:
    """The unit as it stands behind a value; nothing for a share."""
    return "" if number.unit == "1" else f" {number.unit}"


def interval(number: Number) -> str:
    """Its interval; a dash where there is none."""
    if number.lower is None and number.upper is None:
        return "–"
    ends = [
        "…" if end is None else figure(end, number.unit) for end in (number.lower, number.upper)
    ]
    return f"{ends[0]} to {ends[1]}"


def heading(certificate: Certificate) -> str:
    """What was measured on what, in a sentence."""
    of = certificate.subject
    n_windows = of.windows_per_document
    which = "window" if n_windows == 1 else f"{n_windows} windows"
    return (
        f"{of.sae} ({of.sae_architecture}, {of.dict_size:,} atoms) at {of.hook_name} of "
        f"{of.model}, on {of.n_documents:,} documents of {of.corpus} ({of.n_tokens_counted:,} "
        f"tokens, the first {which} of each document, {of.context} tokens long)"
    )


def promise(certificate: Certificate) -> str:
    """What the intervals promise, in a sentence."""
    return (
        f"With probability {1 - certificate.settings.failure_prob:.3g} or more over the draw of "
        "the documents, all intervals marked as certificates hold simultaneously."
    )


def lines(certificate: Certificate) -> Iterator[str]:
    """For a terminal."""
    yield heading(certificate)
    yield promise(certificate)
    width = max((len(number.title) for number in certificate.numbers), default=0)
    for number in certificate.numbers:
        yield (
            f"  {number.title:<{width}}  {figure(number.estimate, number.unit):>9}"
            f"{unit_of(number):<6}  {interval(number):<22}  {WORTH[number.worth]}"
        )
    for entry in certificate.not_stated:
        yield f"  not stated: {entry.name}: {entry.reason}"
