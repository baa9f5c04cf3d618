"""Whether a model is right as often as it says: calibration of its answers, in bins of k too.

Three numbers say how sure the model is of an answer: the largest probability of the first token,
the probability of the whole answer, and p(True). The expected calibration error (ECE) is that of
`semdim.mistakes.reliability`. With few questions it is above 0 for a calibrated model, too: what it
would be is found by drawing right and wrong from the confidences themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from semdim.answers.spec import AnswersSpec
from semdim.mistakes.reliability import Reliability, reliability, resampled_ece
from semdim.uncertainty.metrics import draw_multiplicities, percentile_interval

BINS, K_BINS = 10, 3
"""Bins of confidence, and of k at the last token of the prompt."""
WORDS = {
    "first_token": "the probability of the first token",
    "answer": "the probability of the whole answer",
    "p_true": "p(True)",
}
"""The confidences, by name."""


@dataclass(frozen=True)
class Calibration:
    """One confidence against what is right, of the questions that have an answer."""

    confidence: str
    """Its name (`WORDS`)."""
    k_bin: int
    """0: all questions; else one of thirds by k, from few atoms to many."""
    n_questions: int
    mean_confidence: float
    accuracy: float
    """Share that is right."""
    ece: float
    """Expected calibration error."""
    ece_low: float
    """Lower end of its interval over entities."""
    ece_high: float
    """Upper end."""
    ece_if_calibrated: float
    """Mean ECE of a model that is right as often as it says, question by question apart."""
    ece_if_calibrated_high: float
    """What that stays below with the confidence of the intervals."""


def confidences(answers: pd.DataFrame) -> dict[str, Float[np.ndarray, " questions"]]:
    """How sure the model is of each answer, by name; those that were not measured are left out."""

    def column(name: str) -> np.ndarray:
        there = name in answers
        return answers[name].to_numpy(np.float64) if there else np.full(len(answers), np.nan)

    found = {
        "first_token": 1.0 - column("one_minus_max_prob/last_prompt"),
        "answer": np.exp2(-column("nll/answer") * column("n_answer_tokens")),
        "p_true": column("p_true"),
    }
    return {
        name: np.clip(values, 0.0, 1.0)
        for name, values in found.items()
        if np.isfinite(values).all()
    }


def calibrate(
    answers: pd.DataFrame, spec: AnswersSpec
) -> tuple[tuple[Calibration, ...], pd.DataFrame]:
    """Calibration of every confidence, of all questions with an answer and in thirds of k.

    Args:
        answers: a row per question (`semdim.answers.study.AnswerStudy`).
        spec: resamples and their confidence.

    Returns:
        the calibrations, and the bins: calibration.csv.
    """
    real = answers[~answers["invented"].to_numpy(dtype=bool)]
    entity = pd.factorize(real["entity"])[0].astype(np.int64)
    right = ~real["wrong"].to_numpy(dtype=bool)
    rng = np.random.default_rng(0)
    drawn = draw_multiplicities(int(entity.max()) + 1, spec.n_resamples, rng)
    third = thirds(real["n_active/last_prompt"].to_numpy(dtype=np.float64))
    found, bins = [], []
    for name, values in confidences(real).items():
        for k_bin in range(K_BINS + 1):
            kept = (third == k_bin) | (k_bin == 0)
            if not kept.any():
                continue
            table = reliability(values[kept], right[kept], BINS)
            again = resampled_ece(values[kept], right[kept], entity[kept], drawn, BINS)
            low, high = percentile_interval(again[np.isfinite(again)], spec.confidence)
            ideal = ece_if_calibrated(values[kept], spec.n_resamples, rng)
            one = Calibration(
                confidence=name,
                k_bin=k_bin,
                n_questions=int(kept.sum()),
                mean_confidence=float(values[kept].mean()),
                accuracy=float(right[kept].mean()),
                ece=table.ece,
                ece_low=low,
                ece_high=high,
                ece_if_calibrated=float(ideal.mean()),
                ece_if_calibrated_high=float(np.quantile(ideal, spec.confidence)),
            )
            found.append(one)
            bins += list(_rows(name, k_bin, table))
    return tuple(found), pd.DataFrame(bins)


def thirds(k: Float[np.ndarray, " questions"]) -> Int[np.ndarray, " questions"]:
    """1, 2 or 3: a question's third by k; equal values share one."""
    edges = np.quantile(k, [1 / 3, 2 / 3], method="inverted_cdf")
    return 1 + np.searchsorted(edges, k, side="left")


def ece_if_calibrated(
    confidence: Float[np.ndarray, " questions"], n_draws: int, rng: np.random.Generator
) -> Float[np.ndarray, " draws"]:
    """ECE of draws in which each question is right with the probability that is claimed."""
    draws: Bool[np.ndarray, "draws questions"] = rng.random((n_draws, len(confidence))) < confidence
    return np.array([reliability(confidence, right, BINS).ece for right in draws])


def _rows(name: str, k_bin: int, table: Reliability) -> Iterator[dict[str, Any]]:
    for left, count, confidence, accuracy in zip(
        table.left, table.count, table.confidence, table.accuracy, strict=True
    ):
        yield {"confidence": name, "k_bin": k_bin, "left": left, "count": int(count),
               "mean_confidence": confidence, "accuracy": accuracy}  # fmt: skip


def in_words(found: tuple[Calibration, ...]) -> Iterator[str]:
    """A sentence on each confidence, and one on how its calibration goes with k."""
    for name, words in WORDS.items():
        mine = {one.k_bin: one for one in found if one.confidence == name}
        if 0 not in mine:
            continue
        every = mine[0]
        told = (
            f"more than the {every.ece_if_calibrated_high:.3f} that a calibrated model stays below"
            if every.ece > every.ece_if_calibrated_high
            else f"as a calibrated model may have (up to {every.ece_if_calibrated_high:.3f})"
        )
        yield (
            f"Calibration: {words} is {every.mean_confidence:.2f} on average, and "
            f"{every.accuracy:.0%} of the answers are right; its calibration error is "
            f"{every.ece:.3f} [{every.ece_low:.3f}, {every.ece_high:.3f}], {told}."
        )
        by_k = [one for number, one in sorted(mine.items()) if number > 0]
        shown = ", ".join(f"{one.ece:.2f} [{one.ece_low:.2f}, {one.ece_high:.2f}]" for one in by_k)
        yield (
            "In thirds by k at the last token of the prompt, from few atoms to many, the "
            f"calibration error of {words} is {shown}."
        )
