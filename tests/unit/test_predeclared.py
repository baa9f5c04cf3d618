"""How the points of a sweep share δ: what was swept decides, and nothing else."""

from typing import Any

import pytest

from semdim.bounds.predeclared import shared

BOUND = {"n_tokens": [1000, 2000], "smoothing": 0.5, "smoothing_grid": [0.05]}


def points(n_tokens: Any = None, smoothings: Any = None, **more: Any) -> dict[str, Any]:
    """What a point is told."""
    sizes = {} if n_tokens is None else {"declared_n_tokens": n_tokens}
    return sizes | ({} if smoothings is None else {"declared_smoothings": smoothings}) | more


@pytest.mark.parametrize(
    ("swept", "told"),
    [
        ({}, {}),  # the pipeline's own run
        ({"bound.k": [4, 8]}, {}),  # every point computes the whole grid itself
        ({"bound.n_tokens": [[320]]}, points([320])),
        ({"bound.n_tokens": [320, 6400, 1600], "bound.k": [4, 8]}, points([320, 1600, 6400])),
        ({"bound.n_tokens": [[320, 1600], [1600, 6400]]}, points([320, 1600, 6400])),
        (
            {"bound.n_tokens": [320, 1600], "bound.smoothing": [0.1, 0.5]},
            points([320, 1600], [0.1, 0.5], smoothing_grid=[]),
        ),
        # the grid of the settings is no part of a sweep over α
        ({"bound.smoothing": [0.5, 0.1]}, points(None, [0.1, 0.5], smoothing_grid=[])),
        (
            {"bound.smoothing": [0.1, 0.5], "bound.smoothing_grid": [[0.2, 0.5]]},
            points(None, [0.1, 0.2, 0.5]),
        ),
        ({"bound.smoothing_grid": [[], [0.2]]}, points(None, [0.2, 0.5])),
    ],
)
def test_points_of_a_sweep_know_all_of_it(swept: dict[str, Any], told: dict[str, Any]) -> None:
    assert shared(swept, BOUND) == told


def test_a_number_that_is_given_stands() -> None:
    assert shared({"bound.n_tokens": [320, 1600]}, BOUND | {"n_predeclared": 9}) == {}


def test_the_settings_are_left_as_they_were() -> None:
    before = {key: list(v) if isinstance(v, list) else v for key, v in BOUND.items()}
    shared({"bound.n_tokens": [320, 1600]}, BOUND)
    assert before == BOUND
