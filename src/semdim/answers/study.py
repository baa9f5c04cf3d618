"""Answers and scores -> what tells a wrong answer, and an invented entity, from the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from semdim.answers.asking import Answer
from semdim.answers.detection import check_score, detect
from semdim.answers.places import at_place, place_values
from semdim.answers.spec import AnswersSpec
from semdim.answers.supervised import entity_folds, linear_probe, text_baseline
from semdim.answers.tokens import AnswerTokens
from semdim.errors import DataError
from semdim.questions.question import Question

TROUBLE = {
    "wrong": "the answer is none of the accepted ones, once normalised",
    "misranked": "another alternative is at least as probable as the true answer",
    "invented": "the question is about an entity that does not exist",
}
"""What is to be detected, by name."""
TEXT_BASELINE = "text_baseline"
PROBE_PLACES = ("last_prompt", "first_answer")
"""Where the linear probe reads."""
SUPERVISED = (TEXT_BASELINE, "linear_probe")
FEWEST = 5
"""Entities on each side below which nothing is compared."""


@dataclass(frozen=True)
class AnswerStudy:
    """What was found."""

    answers: pd.DataFrame
    """A row per question: what was asked and answered, whether it is trouble, every score."""
    detection: pd.DataFrame
    """A row per trouble, score and place (`semdim.answers.detection.Detection`)."""
    left_out: dict[str, str]
    """What could not be compared, and why."""


def run_study(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    tokens: AnswerTokens,
    spec: AnswersSpec,
    seed: int,
    *,
    further: Mapping[str, np.ndarray] | None = None,
) -> AnswerStudy:
    """Compare every score with every kind of trouble.

    Args:
        questions: what was asked.
        answers: what was answered.
        tokens: what was measured of both.
        spec: folds, resamples, confidence.
        seed: of folds and resamples.
        further: columns beside those of ``tokens.rows``, by name, such as distances.

    Raises:
        DataError: a score is not finite, or there are fewer entities than folds.
    """
    table = _asked(questions, answers)
    values = {
        (name, place): value
        for (name, place), value in place_values(tokens, len(questions), further).items()
    } | _of_questions(table)
    entity = _units(questions)
    rows, left_out = [], {}
    for trouble in TROUBLE:
        # Wrong or misranked answers are told from right ones among questions that have an answer.
        kept = np.ones(len(table), bool) if trouble == "invented" else ~table["invented"].to_numpy()
        label = table[trouble].to_numpy()[kept]
        why = _too_few(label, entity[kept])
        if why is not None:
            left_out[trouble] = why
            continue
        chosen, missing = _complete({key: value[kept] for key, value in values.items()})
        left_out |= {f"{trouble}/{name}": reason for name, reason in missing.items()}
        supervised = _supervised(
            table["prompt"].to_numpy()[kept], tokens, kept, entity[kept], label, spec, seed
        )
        chosen |= supervised
        found = detect(
            {"/".join(key): value for key, value in chosen.items()},
            label,
            entity[kept],
            baseline=f"{TEXT_BASELINE}/question",
            n_resamples=spec.n_resamples,
            confidence=spec.confidence,
            seed=seed,
        )
        for (name, place), value in supervised.items():
            column = np.full(len(table), np.nan)
            column[kept] = value
            table[f"{name}/{place}/{trouble}"] = column
        about = {
            "trouble": trouble, "n_questions": len(label), "n_trouble": int(label.sum()),
            "n_entities": len(np.unique(entity[kept])),
        }  # fmt: skip
        for (name, place), detection in zip(chosen, found.values(), strict=True):
            is_supervised = name in SUPERVISED
            key = {"score": name, "place": place, "supervised": is_supervised}
            rows.append({**about, **key, **asdict(detection)})
    columns = {"/".join(key): value for key, value in values.items()}
    return AnswerStudy(
        pd.concat([table, pd.DataFrame(columns)], axis=1), pd.DataFrame(rows), left_out
    )


def _asked(questions: Sequence[Question], answers: Sequence[Answer]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompt": [one.prompt for one in questions],
            "entity": [one.entity for one in questions],
            "pair": [one.pair for one in questions],
            "template": [one.template for one in questions],
            "group": [one.group for one in questions],
            "accepted": ["; ".join(one.answers) for one in questions],
            "answer": [one.text for one in answers],
            "rank": [np.nan if one.rank is None else one.rank for one in answers],
            "n_alternatives": [one.n_alternatives for one in answers],
            "n_answer_tokens": [len(one.answer_ids) for one in answers],
            "n_question_tokens": [len(one.prompt_ids) - 1 for one in answers],
            "popularity": [np.nan if q.popularity is None else q.popularity for q in questions],
            "p_true": [np.nan if one.p_true is None else one.p_true for one in answers],
            "disagreement": [
                np.nan if one.disagreement is None else one.disagreement for one in answers
            ],
            "invented": [one.is_invented for one in questions],
            "wrong": [not one.is_correct for one in answers],
            "misranked": [one.rank is not None and one.rank > 1 for one in answers],
        }
    )


def _units(questions: Sequence[Question]) -> np.ndarray:
    """What is resampled and no fold parts: an entity, with the one invented in its place."""
    real = {one.pair: one.entity for one in questions if not one.is_invented}
    units: np.ndarray = pd.factorize(np.array([real[one.pair] for one in questions], object))[0]
    return units


def _of_questions(table: pd.DataFrame) -> dict[tuple[str, str], Float[np.ndarray, " questions"]]:
    """Scores that no token has, higher = more trouble expected."""
    return {
        ("answer_length", "question"): table["n_answer_tokens"].to_numpy(dtype=np.float64),
        ("question_length", "question"): table["n_question_tokens"].to_numpy(dtype=np.float64),
        ("unpopularity", "question"): -np.log10(1.0 + table["popularity"].to_numpy()),
        ("one_minus_p_true", "question"): 1.0 - table["p_true"].to_numpy(),
        ("disagreement", "question"): table["disagreement"].to_numpy(),
    }


def _too_few(label: np.ndarray, entity: np.ndarray) -> str | None:
    with_trouble, with_rest = (len(np.unique(entity[side])) for side in (label, ~label))
    if min(with_trouble, with_rest) >= FEWEST:
        return None
    return (
        f"{with_trouble} entities have questions in trouble and {with_rest} have others: telling "
        f"them apart needs {FEWEST} of each."
    )


def _complete(
    values: Mapping[tuple[str, str], np.ndarray],
) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, str]]:
    """The scores that were measured of all questions, and why others are left out.

    Those that a set may lack (popularity, samples, p(true)) are left out where it does; any other
    score without a value is an error.
    """
    chosen, missing = {}, {}
    for (name, place), value in values.items():
        if place != "question":
            check_score(f"{name} at {place}", value)
        if np.isfinite(value).all():
            chosen[name, place] = value
        else:
            n_missing = int((~np.isfinite(value)).sum())
            missing[name] = f"It has no value for {n_missing} of {len(value)} questions."
    return chosen, missing


def _supervised(
    prompts: np.ndarray,
    tokens: AnswerTokens,
    kept: np.ndarray,
    entity: np.ndarray,
    label: np.ndarray,
    spec: AnswersSpec,
    seed: int,
) -> dict[tuple[str, str], np.ndarray]:
    """Scores that are fitted to labels, out of fold."""
    fold = entity_folds(entity, label, spec.n_folds, seed)
    found = {(TEXT_BASELINE, "question"): text_baseline(prompts, label, fold)}
    for place in PROBE_PLACES:
        rows = np.flatnonzero(at_place(tokens.rows, place))
        if len(rows) != len(kept):
            raise DataError(f"There are {len(rows)} tokens at {place} for {len(kept)} questions.")
        activation = tokens.activation[rows][kept]
        found["linear_probe", place] = linear_probe(activation, entity, label, fold, seed)
    return found
