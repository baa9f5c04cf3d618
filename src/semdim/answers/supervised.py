"""Supervised scores, cross-validated by entity: what text alone tells, and what a probe could tell.

A question is scored by a fit that has seen no question of its entity's fold, and so none of its
entity. Everything that is learnt is learnt within the other folds: words, scales, weights, and how
strongly they are shrunk. Fits of different folds are on different scales, so a score is compared
within its fold: its rank there, from 0 to 1. (Pooled as they are, scores of unrelated labels would
fall below 0.5: a fold with many positives leaves few to the others, and its intercept is lower.)
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from semdim.errors import DataError

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""C of the linear probe: the largest is the least shrunk."""
INNER_FOLDS = 3
"""Folds, of the entities that a probe may see, among which C is chosen."""


def entity_folds(
    entity: Int[np.ndarray, " questions"],
    label: Bool[np.ndarray, " questions"],
    n_folds: int,
    seed: int,
) -> Int[np.ndarray, " questions"]:
    """The fold of each question: entities stay together, positives are spread over the folds.

    Raises:
        DataError: there are fewer entities than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    n_entities = len(np.unique(entity))
    if n_entities < n_folds:
        raise DataError(
            f"There are {n_entities} entities, fewer than the {n_folds} folds that supervised "
            "scores are cross-validated in: ask about more entities or lower answers.n_folds."
        )
    fold = np.zeros(len(entity), dtype=np.int64)
    splits = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splits.split(entity, label, groups=entity)):
        fold[test] = number
    return fold


def cross_validated(
    fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]],
    label: Bool[np.ndarray, " questions"],
    fold: Int[np.ndarray, " questions"],
) -> Float[np.ndarray, " questions"]:
    """The out-of-fold score of each question: its rank within its fold, from 0 to 1.

    Args:
        fit: given the numbers of the questions to learn from and their labels, a function from
            numbers of questions to scores.
        label: what is to be predicted.
        fold: of each question.
    """
    score = np.full(len(label), 0.5)
    for number in np.unique(fold):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(np.unique(label[train])) == 2:  # else nothing can be learnt: all are alike
            values = fit(train, label[train])(test)
            score[test] = (rankdata(values) - 0.5) / len(test)
    return score


def text_baseline(
    texts: Sequence[str] | np.ndarray,
    label: Bool[np.ndarray, " questions"],
    fold: Int[np.ndarray, " questions"],
) -> Float[np.ndarray, " questions"]:
    """Logistic regression on n-grams of the question: words 1–2, letters 2–4 within words.

    It runs no model. What it finds is in the wording: a leak, or that some kinds of questions are
    harder than others.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    listed = np.asarray(texts, dtype=object)

    def fit(train: np.ndarray, wanted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\b\w+\b")
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        model = make_pipeline(
            make_union(words, letters), LogisticRegression(class_weight="balanced", max_iter=1000)
        )
        model.fit(listed[train], wanted)
        return lambda test: model.decision_function(listed[test])

    return cross_validated(fit, label, fold)


def linear_probe(
    activation: Float[np.ndarray, "questions d_model"],
    entity: Int[np.ndarray, " questions"],
    label: Bool[np.ndarray, " questions"],
    fold: Int[np.ndarray, " questions"],
    seed: int,
) -> Float[np.ndarray, " questions"]:
    """Logistic regression on the standardised activation: a ceiling for what needs no labels.

    C is chosen within the training folds, by entity as well, for the largest AUROC.
    """

    def fit(train: np.ndarray, wanted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        strength = _strength(activation[train], entity[train], wanted, seed)
        model = _logistic(strength).fit(activation[train], wanted)
        return lambda test: model.decision_function(activation[test])

    return cross_validated(fit, label, fold)


def _strength(activation: np.ndarray, entity: np.ndarray, label: np.ndarray, seed: int) -> float:
    """The C with the largest AUROC on held-out entities of the training folds."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(entity)) < INNER_FOLDS:
        return STRENGTHS[0]
    inner = entity_folds(entity, label, INNER_FOLDS, seed)
    found = []
    for strength in STRENGTHS:

        def fit(
            train: np.ndarray, wanted: np.ndarray, strength: float = strength
        ) -> Callable[[np.ndarray], np.ndarray]:
            model = _logistic(strength).fit(activation[train], wanted)
            return lambda test: model.decision_function(activation[test])

        found.append(float(roc_auc_score(label, cross_validated(fit, label, inner))))
    return STRENGTHS[int(np.argmax(found))]


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    )
