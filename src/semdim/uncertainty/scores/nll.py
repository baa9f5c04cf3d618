"""The model's loss: the one score that needs the label."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="nll",
    meaning="the model's loss on the true next token (bits): perplexity",
    family="prediction",
    reads=("nll_model",),
    value=column("nll_model"),
    order=3,
    uses_labels=True,
    at_last_position=False,
)
add_score(SCORE)
