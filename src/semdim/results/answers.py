"""What was found of the answers to one set of questions, as the report reads it.

    results/probes/<probe>/answers/<set>/  verdict.json  detection.csv

The stage answer_questions writes the folder; there is none where no set was asked.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from semdim.errors import ArtifactError
from semdim.reading import is_there, read_bytes, read_json, reading, taken

ADVICE = "`dvc repro answer_questions` writes it again"
TABLE_BYTES = 1 << 28
"""Largest table that is read."""
ROWS = {
    ("text_baseline", "question"): "the question's wording alone (trained)",
    ("question_length", "question"): "tokens of the question",
    ("unpopularity", "question"): "− log population",
    ("n_active", "last_prompt"): "k, last token of the prompt",
    ("n_active", "prompt"): "k, mean over the prompt",
    ("n_active", "first_answer"): "k, first token of the answer",
    ("n_active", "answer"): "k, mean over the answer",
    ("unexplained_share", "last_prompt"): "unexplained share, last token of the prompt",
    ("mahalanobis", "last_prompt"): "Mahalanobis distance, last token of the prompt",
    ("entropy", "last_prompt"): "entropy of the first prediction",
    ("one_minus_max_prob", "last_prompt"): "1 − largest probability, first prediction",
    ("nll", "answer"): "surprise of the answer, bits a token",
    ("one_minus_p_true", "question"): "1 − p(True), asked of the model",
    ("disagreement", "question"): "disagreement of drawn answers",
    ("answer_length", "question"): "tokens of the answer",
    ("linear_probe", "last_prompt"): "linear probe, last token of the prompt (trained)",
    ("linear_probe", "first_answer"): "linear probe, first token of the answer (trained)",
}
"""Scores that tables show, by name and place, with their names in words."""
TROUBLE = {
    "wrong": "wrong answer", "misranked": "true answer not ranked first",
    "invented": "invented entity",
}  # fmt: skip
"""What is to be told from the rest, with its heading."""
NEEDED = ("score", "place", "trouble", "auroc", "auroc_low", "auroc_high", "p_holm")
"""Columns of detection.csv without which nothing can be shown."""


@dataclass(frozen=True)
class FoundAnswers:
    """One set of questions, asked of one model."""

    questions: str
    """Name of the set."""
    verdict: tuple[str, ...]
    """Sentences, computed from the numbers."""
    detection: pd.DataFrame
    """A row per trouble, score and place."""


def read_answers(folder: Path) -> dict[str, FoundAnswers]:
    """Every set under a probe's folder ``answers``, by name; none where there is no such folder.

    Raises:
        ArtifactError: a file is damaged or lacks something.
    """
    sets = sorted(folder.glob("*/verdict.json")) if folder.is_dir() else []
    return {path.parent.name: _read(path) for path in sets}


def _read(path: Path) -> FoundAnswers:
    content = read_json(path, "a verdict on answers", advice=ADVICE)
    said = taken(content, "verdict", _sentences, path, ADVICE)
    table = path.with_name("detection.csv")
    if not is_there(table):
        raise ArtifactError(f"There is no {table} beside its verdict; {ADVICE}.")
    raw = read_bytes(table, "a table in CSV", limit=TABLE_BYTES, advice=ADVICE)
    with reading(table, "a table in CSV", ADVICE):
        rows = pd.read_csv(io.BytesIO(raw))
    if missing := [name for name in NEEDED if name not in rows]:
        raise ArtifactError(f"{table} lacks the column(s) {', '.join(missing)}; {ADVICE}.")
    return FoundAnswers(path.parent.name, tuple(said), rows)


def score_rows(detection: pd.DataFrame) -> list[list[str]]:
    """A row per score that was measured: its name, and its AUROC for each trouble."""
    by = {
        (row["score"], row["place"], row["trouble"]): row
        for row in detection.to_dict("records")
    }  # fmt: skip
    return [
        [label, *(cell(by.get((*key, trouble))) for trouble in TROUBLE)]
        for key, label in ROWS.items()
        if any((*key, trouble) in by for trouble in TROUBLE)
    ]


def cell(row: Mapping[Any, Any] | None) -> str:
    """An AUROC with its interval, and a star where Holm finds it other than chance."""
    if row is None:
        return "–"
    star = "*" if row["p_holm"] <= 0.05 else ""
    return f"{row['auroc']:.2f}{star} [{row['auroc_low']:.2f}, {row['auroc_high']:.2f}]"


def _sentences(value: object) -> list[str]:
    """a list of sentences."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(value)
    return value
