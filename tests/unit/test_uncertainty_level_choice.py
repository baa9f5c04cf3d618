"""At which level a score is compared: the one that says most of the text."""

import numpy as np
from scipy.stats import spearmanr

from semdim.uncertainty.level import LEVEL_STATISTICS, all_levels
from semdim.uncertainty.level_choice import choose_level, reliability
from semdim.uncertainty.values import Halves, TokenGrid, halves


def grid(value: np.ndarray) -> TokenGrid:
    return TokenGrid(value, np.ones(value.shape, dtype=bool), np.arange(len(value)))


def of_levels(value: np.ndarray) -> dict[str, Halves]:
    return {level.name: halves(grid(value), level) for level in all_levels()}


def test_reliability_is_spearmans_correlation_of_odd_and_even_tokens() -> None:
    value = np.random.default_rng(0).normal(0, 1, (40, 11)) + np.linspace(0, 1, 40)[:, None]
    found = reliability(halves(grid(value), LEVEL_STATISTICS["sequence_median"]))
    medians = (np.median(value[:, start::2], axis=1) for start in (0, 1))
    assert found is not None and abs(found - spearmanr(*medians)[0]) < 1e-12


def test_outliers_speak_against_the_mean_and_a_normal_law_for_it() -> None:
    rng = np.random.default_rng(1)
    text = rng.normal(0, 1, (300, 1)) + rng.normal(0, 2, (300, 60))
    calm = choose_level(of_levels(text), all_levels())
    assert calm.level in ("sequence_mean", "sequence_trimmed_mean")
    assert calm.reliability["sequence_max"] < calm.reliability["sequence_mean"] - 0.1
    wild = text + 300.0 * (rng.random(text.shape) < 0.03)
    chosen = choose_level(of_levels(wild), all_levels())
    assert chosen.level in ("sequence_median", "sequence_trimmed_mean")
    assert chosen.reliability["sequence_mean"] < 0.3 < chosen.reliability[chosen.level]


def test_nothing_is_chosen_where_nothing_can_be_told() -> None:
    for value in (np.full((9, 8), 4.0), np.random.default_rng(0).normal(0, 1, (2, 8))):
        choice = choose_level(of_levels(value), all_levels())
        assert choice.level == "sequence_mean" and set(choice.reliability.values()) == {None}


def test_sequences_of_one_token_are_left_out() -> None:
    value = np.random.default_rng(3).normal(0, 1, (30, 6))
    mask = np.ones(value.shape, dtype=bool)
    mask[20:, 1:] = False
    short = TokenGrid(value, mask, np.arange(30))
    level = LEVEL_STATISTICS["sequence_mean"]
    assert reliability(halves(short, level)) == reliability(halves(grid(value[:20]), level))
