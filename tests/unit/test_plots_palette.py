"""Colours of one figure are told apart, also by readers who do not see red or green."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from semdim.answers.figure import COLOURS as OF_ANSWERS
from semdim.answers.figure import KINDS as OF_QUESTIONS
from semdim.bounds.family import kinds
from semdim.plots.families import STYLES
from semdim.plots.figures.roc import SCORE_COLOURS
from semdim.plots.selections.error_rows import COLOURS
from semdim.plots.style import MODEL_COLOURS, ROLE_COLOURS, TERM_COLOURS

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
}  # fmt: skip
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]]
)  # fmt: skip
WHITE = XYZ.sum(axis=1)
LEAST = 15.0
"""CIE 1976 distance of two colours of one figure: 2.3 is just noticed side by side."""


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIELAB of an sRGB colour as it is seen."""
    encoded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    ratio = XYZ @ np.clip(vision @ linear, 0, 1) / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours: Mapping[str, str], vision: np.ndarray) -> tuple[float, str, str]:
    """The two that are most alike, and how far they are apart."""
    seen = {name: lab(colour, vision) for name, colour in colours.items()}
    return min(
        (float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in itertools.combinations(seen, 2)
    )


def certificates() -> dict[str, str]:
    """Lines with markers; numbers that are no certificates are black or dotted and have none."""
    certified = {name for name, kind in kinds().items() if kind.is_certificate}
    return {name: style.colour for name, style in STYLES.items() if name in certified}


PALETTES = {
    "families": certificates(),
    "scores": SCORE_COLOURS,
    "scores of errors": COLOURS,
    "scores of answers": OF_ANSWERS,
    "questions and the scores of their answers": OF_QUESTIONS | OF_ANSWERS,
    "terms of a bound": TERM_COLOURS,
    "roles of corpora": {role: shades[0] for role, shades in ROLE_COLOURS.items()},
    "models": {str(at): colour for at, colour in enumerate(MODEL_COLOURS)},
}


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("palette", PALETTES)
def test_colours_of_a_figure_are_told_apart(palette: str, vision: str) -> None:
    colours = PALETTES[palette]
    assert len(colours) > 3
    distance, one, other = nearest(colours, VISION[vision])
    assert distance >= LEAST, f"{one} and {other}: {distance:.1f}"


def test_red_and_green_of_one_brightness_are_found() -> None:
    alike = {"red": "#AA3333", "green": "#5C6B1E"}
    assert nearest(alike, VISION["normal"])[0] > 40
    assert nearest(alike, VISION["deuteranopia"])[0] < LEAST


def test_white_is_white_and_black_is_black() -> None:
    for vision in VISION.values():
        np.testing.assert_allclose(lab("#FFFFFF", vision), [100, 0, 0], atol=0.01)
        np.testing.assert_allclose(lab("#000000", vision), 0, atol=1e-9)
