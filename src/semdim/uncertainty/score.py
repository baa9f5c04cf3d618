"""What a score is, and the registry of all of them, under one sign convention.

**Higher = more out of distribution.** A score that is larger on familiar input is negated or turned
into its complement. A score says what it reads, whether it needs the label (the true next token, so
that it exists only after the fact), and whether it is defined at the last position of a sequence.

A score has one value per token. A sequence's value is a level statistic of its tokens' values
(``semdim.uncertainty.level``).

**Both sides for every score.** As it is registered, a score says which direction theory expects.
Its two-sided form, `two_sided`, expects none: |value − ID mean| / ID standard deviation, learnt
on the ID fit documents at the same level. The distance is taken *after* the level statistic: a
sequence whose mean is unusual stands out by |mean − ID mean of sequence means|, which a mean over
|token − ID mean| would drown.

Scores read columns. One that needs more than the ledger's has a table of its own beside it (stage
score_activations), whose columns `semdim.ledger.stream.LedgerStream` puts in: a score more leaves
the ledger, and with it losses and bounds, as they are. To add a score is to add a file that ends in
``add_score(SCORE)``, in ``semdim.uncertainty.scores`` or in a plugin.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from semdim.errors import ConfigError
from semdim.ledger.rows import Rows
from semdim.registry import Registry

Family = Literal["code", "activation", "prediction", "input"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""By what has to be computed, as tables and figures list them: the SAE's code, the activation at
the hook point, the model's whole forward pass, or only the input token."""


@dataclass(frozen=True)
class Score:
    """One entry of the registry."""

    name: str
    """Name in tables and files."""
    meaning: str
    """What it measures, in one line."""
    family: Family
    """What has to be computed to have it."""
    reads: tuple[str, ...]
    """Columns of the ledger or of a table of scores."""
    value: Callable[[pd.DataFrame, Any], np.ndarray] = field(compare=False)
    """Token values, one per row of the table given (its columns ``reads``), higher = more out of
    distribution. The second argument is what ``fit`` returned."""
    order: int = 100
    """Place among the scores of its family, smaller first; scores of one place go by name."""
    uses_labels: bool = False
    """Whether it looks at the true next token. Such scores are listed last."""
    at_last_position: bool = True
    """Whether it is defined at the last position, which predicts nothing."""
    two_sided: bool = False
    """Whether the distance to the ID mean is taken after aggregation."""
    one_sided: str | None = None
    """Of a two-sided form, the name of the score that it was made from; else None."""
    fit: Callable[[pd.DataFrame, int], Any] | None = field(default=None, compare=False)
    """What it learns of the ID corpus: from the counted rows of the fit documents alone and the
    model's vocabulary size. None: nothing."""

    def fitted(self, fit_rows: pd.DataFrame, vocab_size: int) -> Any:
        """What ``value`` needs to know, learnt from the rows of the ID fit documents."""
        return None if self.fit is None else self.fit(fit_rows, vocab_size)

    @property
    def base(self) -> str:
        """Name of the score whose token values this one has: its own, or ``one_sided``."""
        return self.one_sided or self.name


def two_sided(score: Score) -> Score:
    """The form of a score that expects no direction, named ``<score>_two_sided``."""
    return replace(
        score,
        name=f"{score.name}_two_sided",
        meaning=f"|{score.name} − ID mean| / ID standard deviation: unusually high or low",
        two_sided=True,
        one_sided=score.name,
    )


SCORES: Registry[Score] = Registry("score", "semdim.uncertainty.scores")


def add_score(score: Score) -> Score:
    """Register a score under its name, and return it.

    Raises:
        ConfigError: its family is unknown, or another score has this name.
    """
    if score.family not in FAMILIES:
        raise ConfigError(
            f"The score {score.name!r} has the family {score.family!r}: choose one of "
            f"{', '.join(FAMILIES)}."
        )
    return SCORES.add(score.name, score)


def column(name: str) -> Callable[[pd.DataFrame, Any], np.ndarray]:
    """The value of a column as it stands."""
    return lambda rows, fitted: rows[name].to_numpy(dtype=np.float64)


def in_order(scores: Iterable[Score]) -> tuple[Score, ...]:
    """Scores as tables and figures list them: by what they cost, those that need the label last."""
    return tuple(
        sorted(
            scores,
            key=lambda s: (
                s.uses_labels,
                FAMILIES.index(s.family),
                s.order,
                s.base,
                s.two_sided,
                s.name,
            ),
        )
    )


def both_sides(scores: Iterable[Score]) -> tuple[Score, ...]:
    """Scores and their two-sided forms, in order; one registered as two-sided has no other form."""
    given = tuple(scores)
    return in_order((*given, *(two_sided(score) for score in given if not score.two_sided)))


def all_scores() -> tuple[Score, ...]:
    """Every registered score and its two-sided form, in order."""
    return both_sides(SCORES.values())


def missing_columns(
    scores: Iterable[Score], tables: Mapping[str, Rows]
) -> dict[str, tuple[str, ...]]:
    """The scores that cannot be computed: by name, the columns that some corpus's table lacks."""
    lacking = {
        score.name: tuple(
            name
            for name in score.reads
            if any(name not in table.columns for table in tables.values())
        )
        for score in scores
    }
    return {name: columns for name, columns in lacking.items() if columns}


def check_scores(scores: tuple[Score, ...]) -> None:
    """Raise ``ConfigError`` when two scores share a name or the paper's score is missing."""
    names = [score.name for score in scores]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"Two scores are called {', '.join(twice)}; names must be unique.")
    if "n_active" not in names:
        raise ConfigError("The study compares every score with n_active; it is not among them.")
