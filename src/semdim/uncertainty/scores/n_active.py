"""The number of active atoms: the paper's score."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="n_active",
    meaning="active atoms of the SAE's code, the paper's claim: more = unfamiliar",
    family="code",
    reads=("n_active",),
    value=column("n_active"),
    order=0,
)
add_score(SCORE)
