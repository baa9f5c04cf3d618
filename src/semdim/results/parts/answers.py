"""What is said of the answers to questions, for docs/answers.md."""

from pathlib import Path

import pandas as pd

from semdim.answers.calibration import WORDS
from semdim.errors import ArtifactError
from semdim.reading import read_json
from semdim.results.answers import ROWS, TROUBLE, score_rows
from semdim.results.pages import Repository, part, table

FOLDER = "docs/answers/smollm2-135m_layer15/capitals"


def _folder(repository: Repository) -> Path:
    folder = repository.root / FOLDER
    if not (folder / "verdict.json").exists():
        raise ArtifactError(f"There is no {folder}/verdict.json; copy the output of "
                            "answer_questions there.")  # fmt: skip
    return folder


@part("answers_verdict")
def verdict(repository: Repository) -> str:
    """The sentences of the verdict, a point each."""
    said = read_json(_folder(repository) / "verdict.json")["verdict"]
    return "\n".join(f"* {sentence}" for sentence in said)


@part("answers_auroc")
def auroc(repository: Repository) -> str:
    """AUROC with intervals of the main scores, and Holm's stars."""
    rows = score_rows(pd.read_csv(_folder(repository) / "detection.csv"))
    return table(["score", *TROUBLE.values()], rows)


@part("answers_aurc")
def aurc(repository: Repository) -> str:
    """Area under the risk–coverage curve of the main scores, for wrong answers."""
    rows = pd.read_csv(_folder(repository) / "detection.csv").to_dict("records")
    by = {(row["score"], row["place"]): row for row in rows if row["trouble"] == "wrong"}
    body = [
        [
            label,
            f"{row['aurc']:.3f} [{row['aurc_low']:.3f}, {row['aurc_high']:.3f}]",
            f"{row['e_aurc']:.3f}",
        ]
        for key, label in ROWS.items()
        if (row := by.get(key)) is not None
    ]
    return table(["score", "AURC", "above the best order"], body)


@part("answers_calibration")
def calibration(repository: Repository) -> str:
    """Calibration error of each confidence, of all questions and by k."""
    found = read_json(_folder(repository) / "verdict.json")["calibration"]
    bins = {0: "all", 1: "fewest atoms", 2: "middle third", 3: "most atoms"}
    body = [
        [
            WORDS[row["confidence"]],
            bins[row["k_bin"]],
            str(row["n_questions"]),
            f"{row['mean_confidence']:.2f}",
            f"{row['accuracy']:.2f}",
            f"{row['ece']:.3f} [{row['ece_low']:.3f}, {row['ece_high']:.3f}]",
            f"{row['ece_if_calibrated']:.3f} (up to {row['ece_if_calibrated_high']:.3f})",
        ]
        for row in found
    ]
    header = [
        "confidence", "questions by k", "n", "mean confidence", "share right", "ECE",
        "ECE of a calibrated model",
    ]  # fmt: skip
    return table(header, body)
