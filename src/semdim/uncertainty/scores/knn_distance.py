"""Distance of the activation to its nearest neighbours (``activation_scores``)."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="knn_distance",
    meaning="distance of h/‖h‖ to its k-th nearest neighbour among ID tokens",
    family="activation",
    reads=("knn_distance",),
    value=column("knn_distance"),
    order=4,
)
add_score(SCORE)
