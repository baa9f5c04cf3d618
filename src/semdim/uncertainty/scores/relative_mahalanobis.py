"""Relative Mahalanobis distance of the activation (``activation_scores``)."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="relative_mahalanobis",
    meaning="the same to the nearest of several ID clusters, minus that under the one Gaussian",
    family="activation",
    reads=("relative_mahalanobis",),
    value=column("relative_mahalanobis"),
    order=3,
)
add_score(SCORE)
