"""docs/answers.md and its figure are what the committed results say."""

from pathlib import Path

import pandas as pd

from semdim.answers.figure import draw
from semdim.plots.style import save
from semdim.reading import read_json
from semdim.results.pages import Repository, in_step

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/answers/smollm2-135m_layer15/capitals"


def test_the_page_says_what_the_results_say() -> None:
    page = (ROOT / "docs/answers.md").read_text(encoding="utf-8")
    assert in_step(page, Repository(ROOT)) == page, "run `python -m semdim.results.pages --write`"
    for sentence in read_json(FOLDER / "verdict.json")["verdict"]:
        assert sentence in page


def test_the_figure_is_drawn_from_the_results(tmp_path: Path) -> None:
    drawn = save(draw(FOLDER), tmp_path, "answers")[1]
    committed = (FOLDER / "answers.svg").read_bytes()
    assert drawn.read_bytes() == committed, "run `python -m semdim.answers.figure`"


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
