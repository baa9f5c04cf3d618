"""Selective prediction: the risk of what is kept when items with a high score are left out.

Accept the share c of the items with the lowest scores; their mean risk is r(c). The curve r is the
risk–coverage curve (El-Yaniv and Wiener, "On the Foundations of Noise-free Selective
Classification", 2010), the area under it AURC, and E-AURC what AURC exceeds that of the best order
by (Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers",
2019). Smaller is better; a score that knows nothing has the mean risk as its AURC.

**Items of equal score** are accepted in random order, and the value is the mean over all orders, in
closed form: of m tied items of mean risk μ after a items of total risk S, the j-th has an expected
selective risk of (S + jμ)/(a + j), and Σ_j of it is mμ + (S − aμ)(H_{a+m} − H_a).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semdim.mistakes.grouping import Groups, check_items, groups_of


@dataclass(frozen=True)
class RiskCoverage:
    """The risk–coverage curve at the ends of groups of equal score, ascending in coverage."""

    coverage: Float[np.ndarray, " points"]
    """Share of the items that are accepted, in (0, 1]."""
    risk: Float[np.ndarray, " points"]
    """Mean risk of these."""
    threshold: Float[np.ndarray, " points"]
    """Largest score that is accepted."""

    def thinned(self, most: int) -> "RiskCoverage":
        """At most about ``most`` points, evenly spaced in coverage, with both ends."""
        wanted = np.linspace(self.coverage[0], 1.0, most)
        keep = np.unique(np.searchsorted(self.coverage, wanted - 1e-12).clip(0, len(self.risk) - 1))
        return RiskCoverage(self.coverage[keep], self.risk[keep], self.threshold[keep])


def risk_coverage(
    score: Float[np.ndarray, " items"], risk: Float[np.ndarray, " items"]
) -> RiskCoverage:
    """The curve of a score, higher = trusted less.

    Args:
        score: of each item.
        risk: loss of each item, of any range: 0 or 1, or bits.

    Raises:
        DataError: there are no items, or a value is not finite, or they are not one each.
    """
    check_items(risk, len(score))
    groups = groups_of(score)
    count, total = groups.per_document()[0], groups.per_document(risk)[0]
    accepted = np.cumsum(count)
    return RiskCoverage(accepted / len(score), np.cumsum(total) / accepted, np.unique(score))


def aurc(score: Float[np.ndarray, " items"], risk: Float[np.ndarray, " items"]) -> float:
    """Mean over i = 1 … n of the mean risk of the i items with the lowest scores.

    Raises ``DataError`` as `risk_coverage`.
    """
    check_items(risk, len(score))
    groups = groups_of(score)
    return float(area(groups.per_document(), groups.per_document(risk))[0])


def best_aurc(risk: Float[np.ndarray, " items"]) -> float:
    """AURC of the order that knows the risks: the least that any score can have."""
    return aurc(risk, risk)


def e_aurc(score: Float[np.ndarray, " items"], risk: Float[np.ndarray, " items"]) -> float:
    """AURC above that of the best order; at least 0."""
    return max(aurc(score, risk) - best_aurc(risk), 0.0)


def area(
    count: Float[np.ndarray, "resamples groups"], total: Float[np.ndarray, "resamples groups"]
) -> Float[np.ndarray, " resamples"]:
    """AURC from the number of items and their total risk in each group, smallest score first."""
    from scipy.special import digamma

    before = np.cumsum(count, axis=1) - count
    risk_before = np.cumsum(total, axis=1) - total
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    # ψ(a + 1) = H_a − γ, and the constant cancels.
    steps = digamma(before + count + 1.0) - digamma(before + 1.0)
    return (total + (risk_before - before * mean) * steps).sum(axis=1) / count.sum(axis=1)


def resampled_aurc(
    groups: Groups,
    risk: Float[np.ndarray, " items"],
    multiplicities: Int[np.ndarray, "resamples documents"],
) -> Float[np.ndarray, " resamples"]:
    """AURC when each item counts as often as its document was drawn."""
    weight = multiplicities.astype(np.float64)
    return area(weight @ groups.per_document(), weight @ groups.per_document(risk))
