"""The entropy of the model's prediction."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="entropy",
    meaning="entropy of the model's next-token distribution (bits)",
    family="prediction",
    reads=("entropy",),
    value=column("entropy"),
    order=1,
    at_last_position=False,
)
add_score(SCORE)
