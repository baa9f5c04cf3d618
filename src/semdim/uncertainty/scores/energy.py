"""The energy of the logits."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="energy",
    meaning="−logsumexp of the logits (nats): less total evidence = unfamiliar",
    family="prediction",
    reads=("energy",),
    value=column("energy"),
    order=2,
    at_last_position=False,
)
add_score(SCORE)
