"""The length of the activation at the hook point."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="activation_norm",
    meaning="‖h‖: longer = unfamiliar (no convention is established; below 0.5 means shorter)",
    family="activation",
    reads=("activation_norm",),
    value=column("activation_norm"),
    order=0,
)
add_score(SCORE)
