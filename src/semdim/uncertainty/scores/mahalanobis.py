"""Mahalanobis distance of the activation (``activation_scores``)."""

from semdim.uncertainty.score import SCORES, Score, column

SCORE = Score(
    name="mahalanobis",
    meaning="squared Mahalanobis distance of h under one Gaussian fitted on ID text",
    family="activation",
    reads=("mahalanobis",),
    value=column("mahalanobis"),
    order=2,
)
SCORES.add(SCORE.name, SCORE)
