"""Token values -> one value per question, at four places.

=============== ===============================================================================
``last_prompt`` the last token of the prompt, which predicts the first of the answer
``prompt``      mean over the prompt's tokens, BOS left out
``first_answer`` the first token of the answer
``answer``      mean over the tokens of the answer; of scores of the prediction (entropy, nll)
                over the predictions that made them, which begin at the last token of the prompt
=============== ===============================================================================

Scores are those of `semdim.uncertainty.score` that read columns and fit nothing, and the distances
of activations where a fit of familiar ones is given. ``nll`` needs the next token, which in an
answer is the model's own: it has a value over the prompt and over the answer.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from semdim.answers.tokens import AnswerTokens
from semdim.uncertainty.score import SCORES, Score, in_order

PLACES = ("last_prompt", "prompt", "first_answer", "answer")


def possible_scores(columns: Sequence[str]) -> tuple[Score, ...]:
    """The registered scores that these columns are enough for and that fit nothing."""
    return in_order(
        score
        for score in SCORES.values()
        if score.fit is None and all(name in columns for name in score.reads)
    )


def place_values(
    tokens: AnswerTokens, n_questions: int, further: Mapping[str, np.ndarray] | None = None
) -> dict[tuple[str, str], Float[np.ndarray, " questions"]]:
    """Of each score and place a value per question, higher = more trouble expected.

    Args:
        tokens: what `measure_tokens` gave.
        n_questions: how many questions there are.
        further: columns beside those of ``tokens``, by name, such as distances.
    """
    rows = tokens.rows.assign(**dict(further or {}))
    found = {}
    for score in possible_scores(list(rows.columns)):
        value = score.value(rows, None)
        for place in PLACES:
            if score.uses_labels and place in ("last_prompt", "first_answer"):
                continue
            chosen = at_place(rows, place, is_prediction=score.family == "prediction")
            found[score.name, place] = _means(rows, value, chosen, n_questions)
    return found


def at_place(rows: pd.DataFrame, place: str, *, is_prediction: bool = False) -> np.ndarray:
    """Which rows belong to a place."""
    position, in_answer = rows["position"].to_numpy(), rows["is_answer"].to_numpy()
    same = rows["question"].to_numpy()[1:] == rows["question"].to_numpy()[:-1]
    follows = np.append(same & in_answer[1:], False)  # an answer token comes next
    last_prompt = follows & ~in_answer
    if place == "last_prompt":
        return last_prompt
    if place == "prompt":
        inside = ~in_answer & (position > 0)
        # What the last token of the prompt predicts belongs to the answer.
        return inside & ~last_prompt if is_prediction else inside
    if place == "first_answer":
        return np.append(False, last_prompt[:-1])
    return follows if is_prediction else in_answer


def _means(
    rows: pd.DataFrame, value: np.ndarray, chosen: np.ndarray, n_questions: int
) -> Float[np.ndarray, " questions"]:
    question = rows["question"].to_numpy()[chosen]
    count = np.bincount(question, minlength=n_questions)
    total = np.bincount(question, weights=value[chosen], minlength=n_questions)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: np.ndarray = total / count
    return mean
