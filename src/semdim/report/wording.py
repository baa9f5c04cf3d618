"""Sentences whose numbers can be traced.

Every number in a generated sentence stands in a `<data>` element: `value` holds it in full and
`data-source` the results file that it was read from (none: it was derived from such numbers).
"""

import itertools
import math
from collections.abc import Sequence
from typing import SupportsFloat

from markupsafe import Markup, escape

SIGNIFICANT = 1e-12


def num(
    value: SupportsFloat, digits: int = 2, source: str | None = None, *, percent: bool = False
) -> Markup:
    """A number for people, with its full value kept beside. Thousands get commas."""
    real = float(value)
    shown = 100.0 * real if percent else real
    shown = round(shown, digits) + 0.0  # no −0.00
    text = f"{shown:,.{digits}f}" + (" %" if percent else "")
    text = text.replace("-", "−")
    where = Markup(' data-source="{}"').format(source) if source else Markup("")
    return Markup('<data value="{}"{}>{}</data>').format(repr(real), where, text)


def count(value: SupportsFloat, source: str | None = None) -> Markup:
    """A whole number."""
    return num(value, 0, source)


def small(value: SupportsFloat, source: str | None = None) -> Markup:
    """A share that may be tiny: 4.2 %, 0.03 %, 0 %."""
    real = float(value)
    digits = 0 if real in (0.0, 1.0) else 1 if real >= 0.01 else 2 if real >= 1e-4 else 4
    return num(real, digits, source, percent=True)


def confidence(failure_prob: SupportsFloat) -> Markup:
    """1 − δ with as many digits as δ needs: 95 %, 99.9 %."""
    delta = float(failure_prob)
    digits = max(0, math.ceil(-math.log10(delta) - SIGNIFICANT) - 2)
    return num(1.0 - delta, digits, percent=True)


def say(template: str, /, **values: object) -> Markup:
    """A sentence from a template; values that are no markup are escaped."""
    return Markup(template).format(**values)


def text_words(context: SupportsFloat | None) -> Markup:
    """A text of the sample, with its number of predictions where the context is known."""
    if context is None:
        return Markup("a text")
    return say("a {n}-token text", n=count(float(context) - 1.0, "setup.json"))


def join(parts: Sequence[object], last: str = " and ") -> Markup:
    """a, b and c."""
    items = [escape(part) for part in parts]
    if not items:
        return Markup("")
    if len(items) == 1:
        return Markup(items[0])
    return Markup(", ").join(items[:-1]) + Markup(escape(last)) + items[-1]


def compare(value: SupportsFloat, other: SupportsFloat, more: str, less: str, same: str) -> str:
    """The word that the data asks for: `more`, `less`, or `same` when the two are equal."""
    a, b = float(value), float(other)
    if math.isclose(a, b, rel_tol=1e-9, abs_tol=SIGNIFICANT):
        return same
    return more if a > b else less


def trend(values: Sequence[float]) -> str:
    """`rises`, `falls`, `flat` or `mixed`, over a sequence of two or more."""
    steps = [b - a for a, b in itertools.pairwise(values)]
    if all(abs(step) <= SIGNIFICANT for step in steps):
        return "flat"
    if all(step >= -SIGNIFICANT for step in steps):
        return "rises"
    return "falls" if all(step <= SIGNIFICANT for step in steps) else "mixed"
