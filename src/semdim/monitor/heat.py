"""How hot a token is: its k against the k of ordinary tokens."""

from collections.abc import Sequence

import numpy as np

from semdim.monitor.reading import Reading, Token

PERCENT = (50, 75, 95, 99)
"""Between the levels of heat: shares of ordinary tokens with no more active atoms."""
N_LEVELS = len(PERCENT) + 1


def heat_edges(reading: Reading) -> tuple[float, ...]:
    """The k up to which a level of heat reaches, for all but the last.

    Of the calibration's tokens; without a threshold of the tokens of this very text.
    """
    if reading.threshold is not None:
        quantiles = reading.threshold.alarm.token_quantiles
        return tuple(quantiles[str(percent)] for percent in PERCENT)
    counts = [token.n_active for token in reading.tokens if token.is_scored]
    if not counts:
        return (0.0,) * len(PERCENT)
    return tuple(float(edge) for edge in np.quantile(counts, np.array(PERCENT) / 100))


def heat(token: Token, edges: Sequence[float]) -> int:
    """Level 0 … N_LEVELS − 1 of a token's k."""
    return sum(token.n_active > edge for edge in edges) if token.is_scored else 0
