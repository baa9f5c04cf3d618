"""The number of active atoms: the paper's score."""

from semdim.uncertainty.score import SCORES, Score, column

SCORE = Score(
    name="n_active",
    meaning="active atoms of the SAE's code, the paper's claim: more = unfamiliar",
    family="code",
    reads=("n_active",),
    value=column("n_active"),
    order=0,
)
SCORES.add(SCORE.name, SCORE)
