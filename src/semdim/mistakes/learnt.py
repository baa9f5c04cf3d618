"""Supervised scores: how well position, frequency and entropy foretell an error, and k with them.

They are fitted on the documents of the fit, and never see a token that is reported. What k adds is
the difference between the two on the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from semdim.mistakes.basis import Basis, design
from semdim.mistakes.items import CONTROLS, TOP1, Items

RIDGE = 1e-3
"""Penalty on standardised columns, per item: next to nothing, but a solution exists."""
LEARNT = {
    "controls": CONTROLS,
    "controls_and_k": (*CONTROLS, "n_active"),
}
"""Supervised scores by name, with what each reads."""


@dataclass(frozen=True)
class Learnt:
    """A fitted prediction of an outcome."""

    bases: tuple[Basis, ...]
    """Of each variable, learnt on the items of the fit."""
    scale: Float[np.ndarray, " columns"]
    """Divisor of each column of the design."""
    weights: Float[np.ndarray, " columns"]
    """Of the standardised columns, the intercept first."""

    def score(self, variables: Sequence[Float[np.ndarray, " items"]]) -> np.ndarray:
        """Predicted outcome of each item: log-odds of an error, or bits."""
        return design(self.bases, variables) / self.scale @ self.weights


def learn(
    variables: Sequence[Float[np.ndarray, " items"]],
    outcome: Float[np.ndarray, " items"],
    *,
    is_binary: bool,
) -> Learnt:
    """Least squares, or logistic regression by Newton steps, on splines of the variables.

    Args:
        variables: of the items of the fit.
        outcome: what is predicted; 0 or 1 where ``is_binary``.
        is_binary: whether log-odds are fitted.
    """
    bases = tuple(Basis.of(values) for values in variables)
    matrix = design(bases, variables)
    scale = matrix.std(axis=0)
    scale[scale < 1e-9] = 1.0
    matrix = matrix / scale
    penalty = RIDGE * len(outcome) * np.eye(matrix.shape[1])
    penalty[0, 0] = 0.0
    weights = np.zeros(matrix.shape[1])
    if not is_binary:
        weights = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ outcome)
        return Learnt(bases, scale, weights)
    for _ in range(25):
        p = 1.0 / (1.0 + np.exp(-np.clip(matrix @ weights, -30, 30)))
        gradient = matrix.T @ (outcome - p) - penalty @ weights
        hessian = (matrix * (p * (1 - p))[:, None]).T @ matrix + penalty
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(weights)), gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return Learnt(bases, scale, weights)


def learnt_scores(fit: Items, evaluation: Items, outcome: str) -> dict[str, np.ndarray]:
    """The supervised scores on the items that are reported, by name (`LEARNT`)."""
    found = {}
    for name, reads in LEARNT.items():
        known, new = (_variables(items, reads) for items in (fit, evaluation))
        model = learn(known, fit.outcomes[outcome], is_binary=outcome == TOP1)
        found[name] = model.score(new)
    return found


def _variables(items: Items, names: Sequence[str]) -> list[np.ndarray]:
    every: Mapping[str, np.ndarray] = {**items.scores, **items.controls}
    return [every[name] for name in names]
