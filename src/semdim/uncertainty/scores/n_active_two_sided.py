"""The distance of the number of active atoms from its usual value."""

from semdim.uncertainty.score import Score, add_score, column

SCORE = Score(
    name="n_active_two_sided",
    meaning="|n_active − ID mean| / ID standard deviation: unusually many or unusually few atoms",
    family="code",
    reads=("n_active",),
    value=column("n_active"),
    order=1,
    two_sided=True,
)
add_score(SCORE)
