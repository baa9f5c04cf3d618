"""Quantities: golden values, 60-digit references, limits, monotonicity."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.quantities import (
    log_choose,
    loss_ceiling,
    loss_floor,
    loss_range,
    smoothed_loss,
    sparse_semantic_dimension,
)
from semdim.errors import ConfigError, DataError

VOCAB = st.integers(2, 10**6)
ALPHA = st.floats(1e-6, 1 - 1e-6)


def test_golden_range() -> None:
    assert loss_ceiling(50257, 0.5) == pytest.approx(16.617037, abs=6e-7)
    assert loss_range(50257, 0.5) == pytest.approx(15.617066, abs=6e-7)


@given(VOCAB, ALPHA)
def test_range_is_ceiling_minus_floor(vocab_size: int, smoothing: float) -> None:
    difference = loss_ceiling(vocab_size, smoothing) - loss_floor(vocab_size, smoothing)
    assert loss_range(vocab_size, smoothing) == pytest.approx(difference, abs=1e-9)
    assert loss_floor(vocab_size, smoothing) < math.log2(vocab_size)
    assert math.log2(vocab_size) < loss_ceiling(vocab_size, smoothing)


def test_limits_in_the_smoothing() -> None:
    assert loss_range(50257, 1 - 1e-12) == pytest.approx(0.0, abs=1e-6)
    assert loss_floor(50257, 1e-12) == pytest.approx(0.0, abs=1e-11)
    assert loss_ceiling(50257, 1e-12) > 55.0


@given(st.integers(1, 10**6), st.floats(0.01, 1.0))
def test_dimension_grows_to_the_dictionary(dict_size: int, share: float) -> None:
    k = share * dict_size
    value = sparse_semantic_dimension(k, dict_size)
    assert value <= dict_size * (1 + 1e-12)
    assert sparse_semantic_dimension(0.9 * k, dict_size) < value


def test_dimension_of_the_whole_dictionary_is_its_size() -> None:
    assert sparse_semantic_dimension(24576, 24576) == pytest.approx(24576, rel=1e-15)


@pytest.mark.parametrize(("k", "m"), [(0, 10), (11, 10), (-1, 10), (float("nan"), 10), (1, 0)])
def test_dimension_refuses_what_no_encoder_can_do(k: float, m: int) -> None:
    with pytest.raises(ConfigError):
        sparse_semantic_dimension(k, m)


@pytest.mark.parametrize(
    ("m", "pool"), [(24576, 24510), (24576, 1), (24576, 12288), (9216, 512), (10, 10), (131072, 64)]
)
def test_log_choose_against_sixty_digits(m: int, pool: int) -> None:
    with mpmath.workdps(60):
        exact = float(mpmath.log(mpmath.binomial(m, pool)))
    assert log_choose(m, pool) == pytest.approx(exact, rel=1e-11, abs=1e-9)


def test_golden_log_choose_and_its_ceiling() -> None:
    assert log_choose(24576, 24510) == pytest.approx(453.609093, abs=6e-7)
    # the standard inequality behind the paper's dimension
    assert log_choose(24576, 60) < sparse_semantic_dimension(60, 24576)
    with pytest.raises(ConfigError, match="between 1 and dict_size"):
        log_choose(100, 101)


@given(st.lists(st.floats(0, 200), min_size=1), VOCAB, ALPHA)
def test_smoothed_losses_stay_in_range(nll: list[float], vocab_size: int, smoothing: float) -> None:
    values = smoothed_loss(np.array(nll), smoothing, vocab_size)
    assert (values >= loss_floor(vocab_size, smoothing) - 1e-9).all()
    assert (values <= loss_ceiling(vocab_size, smoothing) + 1e-9).all()


def test_smoothed_loss_of_the_uniform_guess_is_itself() -> None:
    nll = np.array([[math.log2(50257)]])
    assert smoothed_loss(nll, 0.3, 50257) == pytest.approx(nll, abs=1e-12)
    impossible = smoothed_loss(np.array([np.inf]), 0.5, 50257)[0]
    assert impossible == pytest.approx(loss_ceiling(50257, 0.5), rel=1e-15)


@pytest.mark.parametrize("bad", [np.nan, -0.5])
def test_smoothed_loss_refuses_what_is_no_loss(bad: float) -> None:
    with pytest.raises(DataError):
        smoothed_loss(np.array([1.0, bad]), 0.5, 50257)
