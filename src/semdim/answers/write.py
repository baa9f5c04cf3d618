"""A study of answers as files: the small ones that git keeps, and a row per question."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semdim.answers.calibration import calibrate, in_words
from semdim.answers.spec import AnswersSpec
from semdim.answers.study import TEXT_BASELINE, AnswerStudy
from semdim.answers.verdict import verdict
from semdim.artifacts.shards import write_atomically, write_json
from semdim.artifacts.temporary import temporary_of
from semdim.mistakes.risk_coverage import risk_coverage
from semdim.results.cells import csv_text

SHOWN = (
    "n_active/last_prompt", "unexplained_share/last_prompt", "entropy/last_prompt",
    "one_minus_max_prob/last_prompt", "nll/answer", "one_minus_p_true/question",
)  # fmt: skip
"""Label-free scores that have curves and histograms."""
BINS = 30
POINTS = 40
"""Points of a risk–coverage curve, about."""


def write_rows(path: Path, study: AnswerStudy) -> None:
    """A Parquet table with a row per question: what was answered, and every score."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_of(path) as temporary:
        study.answers.to_parquet(temporary, index=False)


def write_study(
    folder: Path, study: AnswerStudy, spec: AnswersSpec, about: dict[str, Any]
) -> tuple[str, ...]:
    """``detection.csv``, ``curves.csv``, ``histograms.csv``, ``calibration.csv``, ``verdict.json``.

    Args:
        folder: where; it is made.
        study: what was found.
        spec: how it was asked and compared.
        about: what else ``verdict.json`` says: model, SAE, set of questions.

    Returns:
        The sentences of the verdict.
    """
    calibrations, bins = calibrate(study.answers, spec)
    found = (*verdict(study, spec), *in_words(calibrations))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "detection.csv", csv_text(study.detection, "%.6g"))
    write_atomically(folder / "curves.csv", csv_text(pd.DataFrame(_curves(study)), "%.6g"))
    write_atomically(folder / "histograms.csv", csv_text(pd.DataFrame(_bins(study)), "%.6g"))
    write_atomically(folder / "calibration.csv", csv_text(bins, "%.6g"))
    settings = asdict(spec)
    write_json(
        folder / "verdict.json",
        {**about, **counts(study.answers), "answers": settings}
        | {"calibration": [asdict(one) for one in calibrations]}
        | {"left_out": study.left_out, "verdict": list(found)},
    )
    return found


def counts(answers: pd.DataFrame) -> dict[str, Any]:
    """How many were asked and answered rightly, in all and by template."""
    real = answers[~answers["invented"]]
    by_template = real.groupby("template")["wrong"].agg(lambda wrong: 1.0 - float(wrong.mean()))
    return {
        "n_questions": len(answers),
        "n_real": len(real),
        "n_entities": int(real["entity"].nunique()),
        "accuracy": 1.0 - float(real["wrong"].mean()),
        "accuracy_by_template": {str(name): share for name, share in by_template.items()},
        "ranked_first": float((real["rank"] == 1).mean()),
    }


def _curves(study: AnswerStudy) -> Iterator[dict[str, Any]]:
    """Risk against coverage of the scores shown, of the supervised ones, and of the best order."""
    answers = study.answers
    for trouble in dict.fromkeys(study.detection.get("trouble", ())):
        kept = np.ones(len(answers), bool) if trouble == "invented" else ~answers["invented"]
        rows = answers[kept]
        risk = rows[trouble].to_numpy(dtype=np.float64)
        scores = {name: rows[name].to_numpy() for name in SHOWN if name in rows}
        for name in (f"{TEXT_BASELINE}/question", "linear_probe/last_prompt"):
            scores[name] = rows[f"{name}/{trouble}"].to_numpy()
        for name, score in (scores | {"best order": risk}).items():
            if np.isfinite(score).all():
                curve = risk_coverage(score, risk).thinned(POINTS)
                for coverage, share in zip(curve.coverage, curve.risk, strict=True):
                    yield {"trouble": trouble, "score": name, "coverage": coverage, "risk": share}


def _bins(study: AnswerStudy) -> Iterator[dict[str, Any]]:
    """Histograms of the scores shown: of questions that are answered rightly, of those that are
    answered wrongly, and of questions about invented entities."""
    answers = study.answers
    of = {
        "right": ~answers["invented"] & ~answers["wrong"],
        "wrong": ~answers["invented"] & answers["wrong"],
        "invented": answers["invented"],
    }
    for name in SHOWN:
        if name not in answers or not np.isfinite(answers[name]).all():
            continue
        # Both ends hold what lies beyond, so that one massive activation does not hide the rest.
        low, high = np.quantile(answers[name], [0.005, 0.995])
        edges = np.linspace(low, max(high, low + 1e-9), BINS + 1)
        for kind, rows in of.items():
            value = np.clip(answers.loc[rows, name], edges[0], edges[-1])
            for left, right, count in zip(
                edges[:-1], edges[1:], np.histogram(value, edges)[0], strict=True
            ):
                yield {"score": name, "questions": kind, "left": left, "right": right,
                       "count": int(count)}  # fmt: skip
