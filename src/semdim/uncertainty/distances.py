"""How far an activation lies from familiar ones: under a Gaussian, under clusters, from neighbours.

Covariances are accumulated in float64, one pass and a [d, d] matrix however many tokens there are,
and shrunk towards a multiple of the identity by the oracle-approximating coefficient, which needs
nothing but the covariance and the number of tokens: Chen, Wiesel, Eldar & Hero, "Shrinkage
algorithms for MMSE covariance estimation" (2010). A singular covariance (fewer tokens than
dimensions, a dimension that never varies) is thereby inverted, too; no direction is dropped.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from semdim.errors import DataError


class Moments:
    """First and second moments of tokens in clusters, added up shard by shard in float64.

    Args:
        origin: [d] a point near the mean; moments are taken about it, so that a mean much larger
            than the spread costs no digits.
        n_clusters: number of clusters.
    """

    def __init__(self, origin: Float[np.ndarray, " d_model"], n_clusters: int) -> None:
        self.origin = origin.astype(np.float64)
        self.count = np.zeros(n_clusters)
        self.total = np.zeros((n_clusters, len(origin)))
        self.second = np.zeros((len(origin), len(origin)))

    def add(
        self, values: Float[np.ndarray, "tokens d_model"], cluster: Int[np.ndarray, " tokens"]
    ) -> None:
        """Count tokens, each in its cluster."""
        centred = values - self.origin
        self.count += np.bincount(cluster, minlength=len(self.count))
        np.add.at(self.total, cluster, centred)
        self.second += centred.T @ centred

    @property
    def n_tokens(self) -> int:
        """Tokens counted."""
        return int(self.count.sum())

    @property
    def mean(self) -> Float[np.ndarray, " d_model"]:
        """Mean of all tokens."""
        return self.origin + self.total.sum(axis=0) / self.n_tokens

    @property
    def cluster_means(self) -> Float[np.ndarray, "clusters d_model"]:
        """Mean of each cluster that has a token."""
        there = self.count > 0
        return self.origin + self.total[there] / self.count[there, None]

    def covariance(self) -> Float[np.ndarray, "d_model d_model"]:
        """About the mean of all tokens, divided by their number."""
        mean = self.total.sum(axis=0) / self.n_tokens
        return self.second / self.n_tokens - np.outer(mean, mean)

    def covariance_within(self) -> Float[np.ndarray, "d_model d_model"]:
        """About the mean of each token's own cluster, pooled over clusters."""
        there = self.count > 0
        between = (self.total[there] / self.count[there, None]).T @ self.total[there]
        return (self.second - between) / self.n_tokens


def oas_coefficient(covariance: Float[np.ndarray, "d_model d_model"], n_tokens: int) -> float:
    """ρ in (1 − ρ)·Σ + ρ·tr(Σ)/d·I; Chen et al. 2010, equation 23 as scikit-learn reads it."""
    size = len(covariance)
    squares = float(np.mean(covariance**2))
    level = float(np.trace(covariance)) / size
    spread = (n_tokens + 1.0) * (squares - level**2 / size)
    return 1.0 if spread <= 0 else min((squares + level**2) / spread, 1.0)


@dataclass(frozen=True)
class Ridge:
    """What regularises a covariance: (1 − ρ)·Σ + ρ·v·I.

    **Distances that are subtracted need the same ridge.** The covariance within clusters is part of
    the overall one, Σ_w ⪯ Σ, and one ridge for both keeps it so: a direction in which the clusters
    do not differ cancels. With a ridge of its own each, the difference along directions of small
    variance is that of the two ridges. It grows as the tokens get fewer, and it may have either
    sign: strangers then count as more familiar than the familiar.
    """

    shrinkage: float
    """ρ in [0, 1]."""
    variance: float
    """v, the mean variance of a direction."""

    @classmethod
    def of(cls, covariance: Float[np.ndarray, "d_model d_model"], n_tokens: int) -> "Ridge":
        """The oracle-approximating one. Raises ``DataError`` when nothing varies."""
        if not np.trace(covariance) > 0:
            raise DataError(
                f"The {n_tokens} activations that the distances are fitted on do not vary; "
                "check the hook point, or use more ID documents."
            )
        variance = float(np.trace(covariance)) / len(covariance)
        return cls(oas_coefficient(covariance, n_tokens), variance)

    def added_to(
        self, covariance: Float[np.ndarray, "d_model d_model"]
    ) -> Float[np.ndarray, "d_model d_model"]:
        """(1 − ρ)·Σ + ρ·v·I."""
        identity = np.eye(len(covariance))
        return (1 - self.shrinkage) * covariance + self.shrinkage * self.variance * identity


@dataclass(frozen=True)
class Gaussians:
    """One Gaussian, or several that share a covariance."""

    means: Float[np.ndarray, "components d_model"]
    """Centres."""
    whitener: Float[np.ndarray, "d_model d_model"]
    """W with W Wᵀ = Σ⁻¹, so that ‖(x − μ)W‖² = (x − μ)ᵀΣ⁻¹(x − μ)."""
    shrinkage: float
    """ρ, the share of the identity in Σ."""

    @classmethod
    def estimate(
        cls,
        means: Float[np.ndarray, "components d_model"],
        covariance: Float[np.ndarray, "d_model d_model"],
        ridge: Ridge,
    ) -> "Gaussians":
        """Regularise the covariance and invert it."""
        root = np.linalg.cholesky(ridge.added_to(covariance))
        whitener = solve_triangular(root, np.eye(len(root)), lower=True).T
        return cls(means=means, whitener=whitener, shrinkage=ridge.shrinkage)

    def squared_distance(
        self, values: Float[np.ndarray, "tokens d_model"]
    ) -> Float[np.ndarray, " tokens"]:
        """Squared Mahalanobis distance to the nearest centre (no unit; its mean on the tokens it
        was fitted on is about d_model for a single Gaussian)."""
        origin = self.means.mean(axis=0)
        whitened = (values.astype(np.float64) - origin) @ self.whitener
        centres = (self.means - origin) @ self.whitener
        return cdist(whitened, centres, "sqeuclidean").min(axis=1)


def unit(values: Float[np.ndarray, "tokens d_model"]) -> Float[np.ndarray, "tokens d_model"]:
    """Each row divided by its length; a row of zeros stays one."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.maximum(length, np.float32(1e-12))


def neighbour_distance(
    bank: Float[np.ndarray, "bank d_model"],
    values: Float[np.ndarray, "tokens d_model"],
    neighbour: int,
) -> Float[np.ndarray, " tokens"]:
    """Euclidean distance, in [0, 2], of each direction to the ``neighbour``-th nearest of the bank.

    Sun, Ming, Zhu & Li, "Out-of-distribution detection with deep nearest neighbors" (2022). The
    bank holds unit vectors; lengths play no part.
    """
    search = NearestNeighbors(n_neighbors=neighbour, algorithm="brute").fit(bank)
    return search.kneighbors(unit(values))[0][:, -1]
