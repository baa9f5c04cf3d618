"""docs/answers.md and its figure are what the committed results say."""

import shutil
from pathlib import Path

import pandas as pd

from semdim.reading import read_json
from semdim.results.pages import Repository, in_step
from semdim.results.redraw import COMMAND, redraw

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/answers/smollm2-135m_layer15/capitals"


def test_the_page_says_what_the_results_say() -> None:
    page = (ROOT / "docs/answers.md").read_text(encoding="utf-8")
    assert in_step(page, Repository(ROOT)) == page, "run `python -m semdim.results.pages --write`"
    for sentence in read_json(FOLDER / "verdict.json")["verdict"]:
        assert sentence in page


def test_the_figure_is_drawn_from_the_results(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    shutil.copytree(FOLDER, folder)
    (folder / "answers.svg").unlink()
    assert redraw(folder).written == [folder / "answers.png", folder / "answers.svg"]
    committed = (FOLDER / "answers.svg").read_bytes()
    assert (folder / "answers.svg").read_bytes() == committed, f"run `{COMMAND} {FOLDER}`"


def test_the_files_belong_together() -> None:
    """Counts of the histograms and ends of the curves are those of the verdict."""
    about = read_json(FOLDER / "verdict.json")
    bins = pd.read_csv(FOLDER / "histograms.csv")
    counts = bins[bins["score"] == "n_active/last_prompt"].groupby("questions")["count"].sum()
    assert counts.sum() == about["n_questions"]
    assert abs(counts["right"] / about["n_real"] - about["accuracy"]) < 1e-9
    curves = pd.read_csv(FOLDER / "curves.csv")
    ends = curves[(curves["trouble"] == "wrong") & (curves["coverage"] == 1.0)]["risk"]
    assert (abs(ends - (1 - about["accuracy"])) < 1e-5).all()
