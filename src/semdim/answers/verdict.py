"""What a study of answers found, in words that are computed from its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from semdim.answers.spec import AnswersSpec
from semdim.answers.study import TEXT_BASELINE, AnswerStudy

_WHAT = {
    "wrong": "a wrong answer",
    "misranked": "a true answer that another alternative beats",
    "invented": "an invented entity",
}
_ELSEWHERE = {
    "prompt": "mean over the prompt", "first_answer": "first token of the answer",
    "answer": "mean over the answer",
}  # fmt: skip
ALPHA = 0.05
"""Level of the tests, Holm over all scores of one kind of trouble."""


Row = Mapping[str, Any]


def verdict(study: AnswerStudy, spec: AnswersSpec) -> tuple[str, ...]:
    """Sentences: how often the model is right, and what k knows of its trouble.

    k is judged at the last token of the prompt, before there is an answer: a place that was chosen
    beforehand.
    """
    sentences = [accuracy(study.answers)]
    rows: list[Row] = study.detection.to_dict("records")  # type: ignore[assignment]
    for trouble in dict.fromkeys(str(row["trouble"]) for row in rows):
        sentences += of_trouble(trouble, [row for row in rows if row["trouble"] == trouble], spec)
    for name, reason in study.left_out.items():
        sentences.append(f"Not compared: {name}. {reason}")
    return tuple(sentences)


def accuracy(answers: pd.DataFrame) -> str:
    """How often the model is right."""
    real = answers[~answers["invented"]]
    right, first = int((~real["wrong"]).sum()), int((real["rank"] == 1).sum())
    return (
        f"Of {len(real)} questions about {real['entity'].nunique()} entities, {right} "
        f"({right / len(real):.0%}) are answered correctly, and for {first} "
        f"({first / len(real):.0%}) the true answer is the most probable of up to "
        f"{int(real['n_alternatives'].max())} alternatives."
    )


def of_trouble(trouble: str, rows: Sequence[Row], spec: AnswersSpec) -> Iterator[str]:
    """What the wording, k, every label-free score and the probe know of one kind of trouble."""
    what = _WHAT[trouble]
    by = {(str(row["score"]), str(row["place"])): row for row in rows}
    text, k = by[TEXT_BASELINE, "question"], by["n_active", "last_prompt"]
    if text["auroc"] > spec.leak_auroc:
        yield (
            f"Leak: the question's wording alone detects {what} with AUROC {_of_row(text)}, above "
            f"{spec.leak_auroc:g}; a score may owe its result here to the wording."
        )
    elif text["auroc"] < 1 - spec.leak_auroc:
        yield (
            f"Leak: the question's wording alone detects {what} with AUROC {_of_row(text)}, below "
            f"{1 - spec.leak_auroc:.2g}. Fitted on other entities, it points the wrong way, but "
            "the wording does differ, and a score may owe its result here to the wording."
        )
    else:
        yield f"The question's wording alone detects {what} with AUROC {_of_row(text)}."
    # A baseline that points the wrong way round is nothing to be better than.
    beyond = "" if text["auroc"] < 0.5 else f"; {_beyond(k)}"
    yield (
        f"k at the last token of the prompt detects {what} with AUROC {_of_row(k)}: "
        f"{_tested(k)}{beyond}."
    )
    yield (
        "k at the other places: "
        + "; ".join(
            f"{words} {_of_row(by['n_active', place])}, {_tested(by['n_active', place])}"
            for place, words in _ELSEWHERE.items()
        )
        + "."
    )
    free = [row for row in rows if not row["supervised"]]
    best = max(free, key=lambda row: row["auroc"])
    n_above = sum(row["p_holm"] <= ALPHA and row["auroc"] > 0.5 for row in free)
    yield (
        f"{n_above} of {len(free)} scores that need no label are better than chance in the "
        f"direction that their theory predicts (Holm, {ALPHA:.0%}); the best, chosen after the "
        f"fact, is {best['score']} at {best['place']} with {_of_row(best)}."
    )
    probe = by["linear_probe", "last_prompt"]
    yield f"A linear probe of the activation, trained on other entities, reaches {_of_row(probe)}."


def _of_row(row: Row) -> str:
    return f"{row['auroc']:.2f} [{row['auroc_low']:.2f}, {row['auroc_high']:.2f}]"


def _tested(row: Row) -> str:
    if not row["p_holm"] <= ALPHA:
        return f"not distinguishable from chance (Holm p = {row['p_holm']:.2g})"
    if row["auroc"] > 0.5:
        return f"better than chance (Holm p = {row['p_holm']:.2g})"
    return f"the wrong way, fewer atoms mean trouble (Holm p = {row['p_holm']:.2g})"


def _beyond(row: Row) -> str:
    low, high = row["beyond_text_low"], row["beyond_text_high"]
    by = f"{row['beyond_text']:+.2f} [{low:+.2f}, {high:+.2f}] compared with the wording alone"
    if low > 0:
        return f"{by}, so it knows more than the wording"
    return f"{by}, so it does worse" if high < 0 else f"{by}, which is no clear difference"
