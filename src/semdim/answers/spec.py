"""The ``answers`` group: how questions are asked, and how what is measured is told apart."""

from dataclasses import dataclass

from semdim.fields import setting
from semdim.limits import limit


@dataclass(frozen=True)
class AnswersSpec:
    """Settings of the stage answer_questions."""

    answer_tokens: int = setting(8, at_least=1, **limit(512, "answers here are short"))
    """Tokens of an answer at most; it ends before with its line."""
    n_samples: int = setting(0, at_least=0, **limit(64, "each costs as much as an answer"))
    """Answers drawn at random of each question, beside the greedy one, for their disagreement
    (semantic entropy); 0: none."""
    temperature: float = setting(1.0, above=0.0, at_most=10.0)
    """Of the answers drawn at random."""
    n_alternatives: int | None = setting(10, at_least=2, **limit(10_000, "each is run"))
    """Alternatives that the true answer is ranked among, itself included, drawn from its group;
    null: all of them."""
    n_folds: int = setting(5, at_least=2, **limit(100, "each is a fit"))
    """Folds of entities: a supervised score of a question is fitted without its entity's fold."""
    n_resamples: int = setting(500, at_least=20, **limit(100_000, "each costs milliseconds"))
    """Bootstrap resamples of entities behind every interval."""
    confidence: float = setting(0.95, above=0.0, below=1.0)
    """Coverage of those intervals."""
    leak_auroc: float = setting(0.7, at_least=0.5, at_most=1.0)
    """Above this AUROC of the baseline that reads the question's text alone, the verdict says that
    the questions give their answer away."""
