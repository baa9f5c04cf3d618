"""Family 11: conditional means are covered under any dependence, and are not the risk."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.concentration import hoeffding_width
from semdim.bounds.families.token_martingale import token_martingale
from semdim.bounds.martingale import PRIOR, conditional_mean_upper, rates
from semdim.bounds.quantities import loss_ceiling, loss_floor
from semdim.bounds.result import Bound, SampleSize
from semdim.errors import ConfigError, DataError

DELTA, REPETITIONS, STEPS = 0.05, 400, 300
ALLOWED = DELTA * REPETITIONS + 3 * math.sqrt(REPETITIONS * DELTA * (1 - DELTA))
Process = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Draws values [REPETITIONS, STEPS] in [0, 1] and their conditional means given the past."""


def markov(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A chain that rarely leaves its state."""
    values, means = np.zeros((2, REPETITIONS, STEPS))
    state = rng.random(REPETITIONS) < 0.5
    for t in range(STEPS):
        means[:, t] = np.where(state, 0.95, 0.05)
        state = rng.random(REPETITIONS) < means[:, t]
        values[:, t] = state
    return values, means


def documents(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ten documents, easy or hard as a whole; their tokens scatter around the level."""
    level = np.where(rng.random((REPETITIONS, 10)) < 0.5, 0.2, 0.8)
    means = np.repeat(level, STEPS // 10, axis=1)
    return means + rng.uniform(-0.2, 0.2, means.shape), means


def adversary(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Means chosen from the past to make the bound fail: rare large values while the sum of
    differences has not gone far, and none from then on."""
    values, means = np.zeros((2, REPETITIONS, STEPS))
    ahead = np.zeros(REPETITIONS)
    for t in range(STEPS):
        means[:, t] = np.where(ahead < 6.0, 0.05, 0.0)
        values[:, t] = rng.random(REPETITIONS) < means[:, t]
        ahead += means[:, t] - values[:, t]
    return values, means


def chaser(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Doubles the stakes when it has lost: the variance follows the past."""
    values, means = np.zeros((2, REPETITIONS, STEPS))
    ahead = np.zeros(REPETITIONS)
    for t in range(STEPS):
        spread = np.where(ahead > 0.0, 0.1, 0.5)
        means[:, t] = 0.5
        values[:, t] = 0.5 + spread * rng.choice([-1.0, 1.0], REPETITIONS)
        ahead += means[:, t] - values[:, t]
    return values, means


@pytest.mark.parametrize("process", [markov, documents, adversary, chaser])
def test_the_mean_of_conditional_means_is_covered(process: Process) -> None:
    values, means = process(np.random.default_rng(0))
    bounds = np.array([conditional_mean_upper(row, 0.0, 1.0, DELTA) for row in values])
    assert (bounds < means.mean(axis=1)).sum() <= ALLOWED
    bare = values.mean(axis=1)
    assert (bare < means.mean(axis=1)).sum() > ALLOWED, "the simulation could not fail"


def test_it_is_another_statement_than_the_risk() -> None:
    """Over documents that are easy or hard as a whole the conditional means are covered, and the
    risk on new documents (1/2) is not: neither by this nor by Hoeffding over tokens."""
    values, means = documents(np.random.default_rng(1))
    bounds = np.array([conditional_mean_upper(row, 0.0, 1.0, DELTA) for row in values])
    tokens = values.mean(axis=1) + hoeffding_width(1.0, math.log(1 / DELTA), STEPS)
    assert (bounds < means.mean(axis=1)).sum() <= ALLOWED
    assert (bounds < 0.5).sum() > 2 * ALLOWED
    assert (tokens < 0.5).sum() > 2 * ALLOWED


@given(st.floats(0.0, 0.999), st.floats(-1.0, 1.0))
def test_the_inequality_behind_it(rate: float, difference: float) -> None:
    penalty = -math.log1p(-rate) - rate
    assert math.log1p(rate * difference) >= rate * difference - penalty * difference**2 - 1e-12


@given(st.integers(2, 400), st.floats(1e-4, 0.5), st.integers(0, 1000))
def test_the_total_is_where_the_mixture_reaches_one_over_delta(
    n: int, failure_prob: float, seed: int
) -> None:
    """Written out again: the capital at S = Σ(μ_t − x_t) is 1/δ."""
    values = np.random.default_rng(seed).random(n) ** 2
    total = conditional_mean_upper(values, 0.0, 1.0, failure_prob)
    gains, spread = 1.0 - values, 0.0
    for t in range(n):
        spread += (gains[t] - (0.5 + gains[:t].sum()) / (t + 1)) ** 2
    lambdas = rates(n, math.log(1 / failure_prob))
    penalty = -np.log(1 - lambdas) - lambdas
    excess = n * (total - values.mean())
    capital = (PRIOR / PRIOR.sum() * np.exp(lambdas * excess - penalty * spread)).sum()
    assert capital == pytest.approx(1 / failure_prob, rel=1e-5)


def test_it_beats_hoeffding_where_losses_vary_little_and_knows_its_range() -> None:
    rng = np.random.default_rng(3)
    low, high = loss_floor(50257, 0.5), loss_ceiling(50257, 0.5)
    losses = np.clip(rng.normal(5.7, 1.5, 20_000), low, high)
    total = conditional_mean_upper(losses, low, high, DELTA)
    tail = total - losses.mean()
    assert 0 < tail < 0.5 * hoeffding_width(high - low, math.log(1 / DELTA), len(losses))
    scaled = conditional_mean_upper((losses - low) / (high - low), 0.0, 1.0, DELTA)
    assert total == pytest.approx(low + (high - low) * scaled)
    with pytest.raises(DataError, match="reaches from"):
        conditional_mean_upper(losses + 12.0, low, high, DELTA)


MODEL = {"vocab_size": 50257, "smoothing": 0.5, "failure_prob": DELTA}
SIZE = SampleSize(40 * 16, 40, 10, "token", 40 * 15)


def test_it_certifies_tokens_and_says_of_what() -> None:
    losses = np.random.default_rng(0).uniform(2.0, 9.0, (40, 15))
    bound = token_martingale(losses, size=SIZE, **MODEL)
    assert bound.is_certificate and bound.dependence == "martingale"
    assert "conditional risk" in bound.subject and "contexts of the sample" in bound.subject
    assert any("not the risk on new documents" in text for text in bound.assumptions)
    assert bound.total == pytest.approx(bound.proxy_risk + bound.tail)
    assert token_martingale(losses, size=SIZE, n_choices=5, **MODEL).total > bound.total
    with pytest.raises(DataError, match="give one for each predicted token"):
        token_martingale(losses[:, 1:], size=SIZE, **MODEL)


def test_tokens_remain_no_certificate_of_what_needs_independence() -> None:
    losses = np.random.default_rng(0).uniform(2.0, 9.0, (40, 15))
    bound = token_martingale(losses, size=SIZE, **MODEL)
    with pytest.raises(ConfigError, match="not a certificate with the unit 'token'"):
        Bound(**{**bound.__dict__, "dependence": "independent units"})
