"""One scale for several rules, so that a single threshold serves all of them.

Rules have values of different size: a maximum lies far above a quartile. Each is put on the scale
of its own reference documents: step i of a rule is the quantile i/1000 of the reference values, and
beyond the largest of them steps rise by half a percent each. A document's score is the largest
number of steps that it exceeds under any rule, which is a p-value up to its sign.

Steps are numbers that exist, not a formula that is evaluated twice: a document's score is above u
exactly when under some rule its value is above that rule's step u.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

N_QUANTILES = 1000
GROWTH, N_BEYOND = 1.005, 4000
"""Half a percent, 4000 times: a factor of 4·10⁸, more than any dictionary has atoms."""


@dataclass(frozen=True)
class CommonScale:
    """Where the steps of each rule are; without steps a single rule, on its own values."""

    steps: Float[np.ndarray, "rules steps"] | None
    """Ascending along a rule; None for a single rule, which needs no common scale."""

    @classmethod
    def of(cls, reference: Float[np.ndarray, "documents rules"]) -> "CommonScale":
        """From the values of reference documents under each rule."""
        inside = np.quantile(reference, np.arange(N_QUANTILES + 1) / N_QUANTILES, axis=0)
        beyond = np.maximum(inside[-1], 1.0) * GROWTH ** np.arange(1, N_BEYOND + 1)[:, None]
        return cls(np.ascontiguousarray(np.concatenate([inside, beyond]).T))

    def score(
        self, values: Float[np.ndarray, "documents rules"]
    ) -> Float[np.ndarray, " documents"]:
        """How unusual a document is: under its most unusual rule, in steps."""
        if self.steps is None:
            return values[:, 0].astype(np.float64)
        return np.max(
            [
                np.searchsorted(steps, column, side="left")  # the steps below the value
                for steps, column in zip(self.steps, values.T, strict=True)
            ],
            axis=0,
        ).astype(np.float64)

    def thresholds(self, score: float) -> Float[np.ndarray, " rules"]:
        """The value of each rule above which a document's score is above ``score``."""
        return np.array([score]) if self.steps is None else self.steps[:, int(score)]
