"""Which statistic the alarm uses: chosen on documents that are set aside for the choice.

The criterion is the **spread between familiar documents, in proportion**: the standard deviation of
the logarithm of a document's value at the end of its sequences. Suppose that a shift multiplies
every n_active by c. All these statistics rise by c, so the chance of an alarm at rate a is about
Φ(ln c / spread − z₁₋ₐ): the smallest spread detects any such rise best, at any rate. Outlier tokens
spread means and maxima.

It looks at familiar text alone, so no shift that the guardrail is measured on has a say; and the
documents that it looks at calibrate nothing, so the choice costs documents and not the promise. A
proportional rise is an alternative that is declared, not one that shifts must follow; what real
shifts do is measured.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

CRITERION = (
    "the smallest standard deviation, over the documents set aside for the choice, of the natural "
    "logarithm of the statistic's value: it detects a rise of every n_active by any factor best"
)


def spread(values: Float[np.ndarray, " documents"]) -> float | None:
    """The criterion of one statistic; None where a document has the value 0."""
    return float(np.log(values).std()) if (values > 0).all() else None


def spreads(values: Mapping[str, Float[np.ndarray, " documents"]]) -> dict[str, float | None]:
    """The criterion of each candidate."""
    return {name: spread(found) for name, found in values.items()}


def smallest(found: Mapping[str, float | None]) -> str:
    """The candidate with the smallest spread, the first of several; the first if none has any."""
    return min(found, key=lambda name: np.inf if (own := found[name]) is None else own)
