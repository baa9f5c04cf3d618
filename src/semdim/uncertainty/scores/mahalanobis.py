"""Mahalanobis distance of the activation (``activation_scores``)."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="mahalanobis",
    meaning="squared Mahalanobis distance of h under one Gaussian fitted on ID text",
    family="activation",
    reads=("mahalanobis",),
    value=column("mahalanobis"),
    order=2,
)
add_score(SCORE)
