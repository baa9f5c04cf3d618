"""The figure of a study of answers, drawn from its files.

    python -m semdim.answers.figure docs/answers/smollm2-135m_layer15/capitals

writes ``answers.png`` and ``answers.svg`` beside them: histograms of k and of the prediction's
entropy, for questions answered rightly, answered wrongly, and about invented entities; below, the
risk of the answers that are kept against their share.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semdim.errors import ArtifactError
from semdim.plots.style import (
    INK,
    MUTED,
    ROLE_COLOURS,
    house_style,
    legend_below,
    panels,
    save,
)

KINDS = {
    kind: ROLE_COLOURS[role][0]
    for kind, role in {"right": "id", "wrong": "shifted", "invented": "far"}.items()
}
"""Colours of the questions: none is a score's, whose curves stand in the same figure."""
HISTOGRAMS = {
    "n_active/last_prompt": "k at the last token of the prompt",
    "entropy/last_prompt": "entropy of the first prediction, bits",
}
CURVES = {
    "n_active/last_prompt": "k",
    "unexplained_share/last_prompt": "unexplained share",
    "entropy/last_prompt": "entropy",
    "nll/answer": "surprise of the answer",
    "text_baseline/question": "wording alone",
    "linear_probe/last_prompt": "linear probe, trained",
}
COLOURS = {
    "n_active/last_prompt": "#000000",
    "unexplained_share/last_prompt": "#CC79A7",
    "entropy/last_prompt": "#0072B2",
    "nll/answer": "#56B4E9",
    "text_baseline/question": "#8C510A",
    "linear_probe/last_prompt": "#5522CC",
}
"""Colours of the scores."""


@house_style
def draw(folder: Path) -> Figure:
    """Two histograms above, the risk–coverage curves of two kinds of trouble below.

    Raises:
        ArtifactError: the folder holds no study.
    """
    if not (folder / "histograms.csv").exists():
        raise ArtifactError(f"{folder} holds no histograms.csv: answer_questions writes it.")
    bins, curves = pd.read_csv(folder / "histograms.csv"), pd.read_csv(folder / "curves.csv")
    figure, (above, below) = panels(2, 2, height=2.4, legend_rows=4)
    for axes, (score, label) in zip(above, HISTOGRAMS.items(), strict=True):
        _histogram(axes, bins[bins["score"] == score], label)
    above[0].set_ylabel("share of questions")
    for axes, (trouble, title) in zip(
        below, {"wrong": "wrong answers", "invented": "invented entities"}.items(), strict=True
    ):
        _curves(axes, curves[curves["trouble"] == trouble], title)
    below[0].set_ylabel("share of trouble in what is kept")
    kinds = above[0].get_legend_handles_labels()
    figure.legend(*kinds, loc="outside upper left", ncols=3, handlelength=2.6)
    legend_below(figure, *below[0].get_legend_handles_labels(), columns=4)
    return figure


def _histogram(axes: Axes, rows: pd.DataFrame, label: str) -> None:
    for kind, colour in KINDS.items():
        of = rows[rows["questions"] == kind]
        edges = np.append(of["left"].to_numpy(), of["right"].to_numpy()[-1:])
        share = of["count"].to_numpy() / max(of["count"].sum(), 1)
        if len(of):
            axes.stairs(share, edges, color=colour, lw=1.4, label=_WORDS[kind])
    axes.set_xlabel(label)


_WORDS = {"right": "answered rightly", "wrong": "answered wrongly", "invented": "invented entity"}


def _curves(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    for score, label in CURVES.items():
        of = rows[rows["score"] == score]
        axes.plot(of["coverage"], of["risk"], color=COLOURS[score], lw=1.3, label=label)
    best = rows[rows["score"] == "best order"]
    axes.plot(best["coverage"], best["risk"], color=INK, lw=1.0, ls=":", label="best order")
    if len(best):
        axes.axhline(best["risk"].iloc[-1], color=MUTED, lw=0.8, ls="--", label="all questions")
    axes.set_title(title)
    axes.set_xlabel("share of questions that is kept")
    axes.set_ylim(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m semdim.answers.figure")
    parser.add_argument("folder", type=Path, help="what answer_questions wrote, or a copy")
    folder = parser.parse_args().folder
    print(*save(draw(folder), folder, "answers"), sep="\n")


if __name__ == "__main__":
    main()
