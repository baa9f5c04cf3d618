"""How the points of a sweep share δ: what was swept decides, and nothing else."""

from typing import Any

import pytest

from semdim.bounds.predeclared import n_predeclared, shared

BOUND = {
    "n_tokens": [1000, 2000],
    "smoothing": 0.5,
    "smoothing_grid": [],
    "pay_for_n_grid": True,
}


@pytest.mark.parametrize(
    ("swept", "points"),
    [
        ({}, None),  # the pipeline's own run
        ({"bound.k": [4, 8]}, None),  # every point computes the whole grid itself
        ({"bound.n_tokens": [[320]]}, 1),
        ({"bound.n_tokens": [320, 1600, 6400], "bound.k": [4, 8]}, 3),
        ({"bound.n_tokens": [[320, 1600], [1600, 6400]]}, 3),  # a size that comes twice is one
        ({"bound.n_tokens": [320, 1600], "bound.smoothing": [0.1, 0.5]}, 4),
        ({"bound.smoothing": [0.1, 0.5]}, 4),  # two sizes stand in params.yaml
        ({"bound.smoothing": [0.1, 0.5], "bound.smoothing_grid": [[0.2, 0.5]]}, 6),
    ],
)
def test_points_of_a_sweep_share_delta(swept: dict[str, Any], points: int | None) -> None:
    assert n_predeclared(swept, BOUND) == points


def test_a_grid_that_is_not_paid_for_counts_once() -> None:
    swept = {"bound.n_tokens": [320, 1600], "bound.smoothing": [0.1, 0.5]}
    assert n_predeclared(swept, BOUND | {"pay_for_n_grid": False}) == 2


def test_a_number_that_is_given_stands() -> None:
    assert n_predeclared({"bound.n_tokens": [320, 1600]}, BOUND | {"n_predeclared": 9}) is None
    assert shared({"bound.n_tokens": [320, 1600]}, BOUND | {"n_predeclared": 9}) == {}


def test_points_that_share_delta_pay_for_no_bins_unless_they_are_swept() -> None:
    """risk_by_sparsity is given at one N, so a point of a sweep over N would give it unpaid."""
    swept: dict[str, list[Any]] = {"bound.n_tokens": [320, 1600]}
    assert shared(swept, BOUND) == {"n_predeclared": 2, "sparsity_bins": 0}
    assert shared(swept | {"bound.sparsity_bins": [2, 4]}, BOUND) == {"n_predeclared": 2}
    assert shared({"bound.k": [4, 8]}, BOUND) == {}


def test_the_settings_are_left_as_they_were() -> None:
    before = {key: list(v) if isinstance(v, list) else v for key, v in BOUND.items()}
    shared({"bound.n_tokens": [320, 1600]}, BOUND)
    assert before == BOUND
