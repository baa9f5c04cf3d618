"""The distance of the activation's length from its usual value."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="activation_norm_two_sided",
    meaning="|‖h‖ − ID mean| / ID standard deviation: unusually long or short",
    family="activation",
    reads=("activation_norm",),
    value=column("activation_norm"),
    order=1,
    two_sided=True,
)
add_score(SCORE)
