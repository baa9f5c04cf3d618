"""A flexible design matrix of control variables: linear splines in their ranks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

N_KNOTS = 9


@dataclass(frozen=True)
class Basis:
    """Linear splines of one variable in its own quantiles, learnt on some items.

    A variable is mapped to the share of those items that lie below it, which no outlier can
    stretch; on that scale a broken line has its knots at the deciles.
    """

    quantiles: Float[np.ndarray, " quantiles"]
    """Of the variable on the items that it was learnt on, evenly spaced."""

    @classmethod
    def of(cls, values: Float[np.ndarray, " items"]) -> "Basis":
        """Learn the quantiles."""
        return cls(np.quantile(values, np.linspace(0, 1, 201)))

    def columns(self, values: Float[np.ndarray, " items"]) -> Float[np.ndarray, "items columns"]:
        """The columns of the design matrix; constant variables have none that varies."""
        left = np.searchsorted(self.quantiles, values, side="left")
        right = np.searchsorted(self.quantiles, values, side="right")
        share = (left + right) / (2 * len(self.quantiles))
        knots = np.arange(1, N_KNOTS + 1) / (N_KNOTS + 1)
        return np.column_stack([share, *(np.maximum(share - knot, 0.0) for knot in knots)])


def design(
    bases: Sequence[Basis], variables: Sequence[Float[np.ndarray, " items"]]
) -> Float[np.ndarray, "items columns"]:
    """An intercept and the columns of every variable."""
    parts = [basis.columns(values) for basis, values in zip(bases, variables, strict=True)]
    return np.column_stack([np.ones(len(variables[0])) if variables else [], *parts])


def residual(
    values: Float[np.ndarray, " items"], matrix: Float[np.ndarray, "items columns"]
) -> Float[np.ndarray, " items"]:
    """What least squares on the columns leaves of the values."""
    gram = matrix.T @ matrix
    return values - matrix @ (np.linalg.pinv(gram, hermitian=True) @ (matrix.T @ values))
