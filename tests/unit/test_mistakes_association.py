"""Correlations against scipy and repeated rows; shares of variance against dummies."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from semdim.errors import DataError
from semdim.mistakes.association import between, correlations, mean_of, partial, spearman, within
from semdim.mistakes.basis import Basis, design, residual
from semdim.mistakes.variance import explained

ONCE = np.ones((1, 8), dtype=np.int64)


def sample(seed: int = 0, n_items: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    document = np.sort(rng.integers(0, 8, n_items))
    score = rng.integers(0, 20, n_items) + 3.0 * document
    outcome = rng.normal(0, 1, n_items) - 0.1 * score + document
    return score.astype(float), outcome, document


def test_pooled_within_and_between_are_scipys() -> None:
    score, outcome, document = sample()
    assert spearman(score, outcome, document, ONCE)[0] == pytest.approx(
        spearmanr(score, outcome).statistic
    )
    inside = within(score, outcome, document)
    for label, found in zip(np.unique(document), inside, strict=True):
        mine = document == label
        assert found == pytest.approx(spearmanr(score[mine], outcome[mine]).statistic)
    means = [[v[document == d].mean() for d in range(8)] for v in (score, outcome)]
    assert between(score, outcome, document, ONCE)[0] == pytest.approx(spearmanr(*means).statistic)
    # The three tell different stories here: against the score inside, with it between.
    assert inside.max() < 0 < between(score, outcome, document, ONCE)[0]


def test_a_resample_repeats_rows() -> None:
    score, outcome, document = sample(1)
    drawn = np.array([[2, 0, 1, 1, 3, 0, 1, 0]])
    rows = np.repeat(np.arange(len(score)), drawn[0][document])
    assert correlations(score, outcome, document, drawn)[0] == pytest.approx(
        np.corrcoef(score[rows], outcome[rows])[0, 1]
    )
    constant = correlations(np.ones(800), outcome, document, drawn)
    assert np.isnan(constant).all()
    assert mean_of(np.array([1.0, np.nan, 4.0]), np.array([[1, 5, 2]]))[0] == pytest.approx(3.0)


def test_a_score_that_only_repeats_a_control_has_no_partial_association() -> None:
    rng = np.random.default_rng(2)
    n_items, document = 20_000, np.arange(20_000) % 8
    control = rng.exponential(1, n_items)
    outcome = np.sin(control) + 0.3 * rng.normal(size=n_items)
    repeats = control**3 + 0.05 * rng.normal(size=n_items)
    informed = repeats + 2.0 * (outcome - np.sin(control))
    matrix = design([Basis.of(control)], [control])
    assert abs(spearman(repeats, outcome, document, ONCE)[0]) > 0.2
    assert abs(partial(repeats, outcome, matrix, document, ONCE)[0]) < 0.03
    assert partial(informed, outcome, matrix, document, ONCE)[0] > 0.2


def test_residuals_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(3)
    values, other = rng.normal(size=300), rng.integers(0, 3, 300).astype(float)
    matrix = design([Basis.of(other), Basis.of(values)], [other, values])
    expected = other - matrix @ np.linalg.lstsq(matrix, other, rcond=None)[0]
    np.testing.assert_allclose(residual(other, matrix), expected, atol=1e-6)


def test_shares_are_those_of_dummies() -> None:
    rng = np.random.default_rng(4)
    one, two = rng.integers(0, 5, 200), rng.integers(10, 17, 200)
    values = one * 1.0 + rng.normal(size=200) + (two == 12)
    dummies = np.column_stack([one[:, None] == np.unique(one), two[:, None] == np.unique(two)])
    fitted = dummies @ np.linalg.lstsq(dummies.astype(float), values, rcond=None)[0]
    rest = ((values - fitted) ** 2).sum()
    total = ((values - values.mean()) ** 2).sum()
    found = explained(values, [one, two])
    assert found.plain == pytest.approx(1 - rest / total, abs=1e-6)
    assert found.n_levels == 11
    assert found.adjusted == pytest.approx(1 - rest / 189 / (total / 199), abs=1e-6)


def test_a_factor_of_many_levels_that_explains_nothing_explains_nothing() -> None:
    rng = np.random.default_rng(5)
    values, labels = rng.normal(size=6000), rng.integers(0, 2000, 6000)
    found = explained(values, [labels])
    assert found.plain > 0.25
    assert abs(found.adjusted) < 0.05


def test_what_cannot_be_explained_is_said() -> None:
    with pytest.raises(DataError, match="all equal"):
        explained(np.ones(9), [np.arange(9) % 2])
    with pytest.raises(DataError, match="more items"):
        explained(np.arange(4.0), [np.arange(4)])
