"""The concentration tools against golden values, 60 digits, and brute force."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semdim.bounds.concentration import (
    METHODS,
    betting_sequence_upper,
    betting_upper,
    hoeffding_width,
    log_capital,
    maurer_pontil_width,
    plug_in_bets,
    upper_mean,
)
from semdim.bounds.quantities import loss_ceiling, loss_floor, loss_range
from semdim.errors import ConfigError, DataError

LOW, HIGH, SPAN = loss_floor(50257, 0.5), loss_ceiling(50257, 0.5), loss_range(50257, 0.5)
EXAMPLE = np.tile([5.0, 6.0, 7.0, 8.0], 50)


def test_golden_values() -> None:
    totals = {
        method: upper_mean(EXAMPLE, LOW, HIGH, 0.05, method, bet_cap=0.75) for method in METHODS
    }
    assert totals["hoeffding"] == pytest.approx(7.851515, abs=6e-7)
    assert totals["maurer_pontil"] == pytest.approx(7.390762, abs=6e-7)
    assert totals["betting"] == pytest.approx(6.75, abs=0.01)
    assert 6.5 < totals["betting_sequence"] < totals["maurer_pontil"]


def slow_lower(gains: list[float], failure_prob: float, fixed_n: bool) -> float:
    """The betting bound in plain loops with 60 digits: another implementation, not another view."""
    with mpmath.workdps(60):
        n, target = len(gains), mpmath.mpf(1) / mpmath.mpf(failure_prob)
        bets, total, spread = [], mpmath.mpf("0.5"), mpmath.mpf("0.25")
        for t, gain in enumerate(gains, start=1):
            earlier = spread / t  # t − 1 values and the one of the prior
            pace = n if fixed_n else t * mpmath.log(1 + t)
            bets.append(mpmath.sqrt(2 * mpmath.log(target) / (earlier * pace)))
            total += gain
            spread += (gain - total / (t + 1)) ** 2

        def is_rejected(mean: mpmath.mpf) -> bool:
            capital, best = mpmath.mpf(1), mpmath.mpf(0)
            for bet, gain in zip(bets, gains, strict=True):
                stake = min(bet, mpmath.mpf("0.75") / mean)
                capital *= 1 + stake * (gain - mean)
                best = max(best, capital)
            return best >= target

        low, high = mpmath.mpf(0), mpmath.mpf(1)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if is_rejected(middle) else (low, middle)
        return float(low)


@pytest.mark.parametrize("fixed_n", [True, False])
@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_betting_agrees_with_brute_force_at_sixty_digits(n: int, fixed_n: bool) -> None:
    rng = np.random.default_rng(n)
    for gains in (rng.uniform(0.7, 1.0, n), rng.integers(0, 2, n).astype(float), np.ones(n)):
        exact = slow_lower(gains.tolist(), 0.05, fixed_n)
        values = 1.0 - gains
        if fixed_n:
            upper = betting_upper(values, 0.0, 1.0, 0.05, cap=0.75)
        else:
            upper = float(betting_sequence_upper(values, 0.0, 1.0, 0.05, [n], cap=0.75)[0])
        assert 1.0 - upper == pytest.approx(exact, abs=1e-9)
        assert 1.0 - upper <= exact + 1e-15  # rounded on the safe side


def test_capital_agrees_with_confseq() -> None:
    """K_200(μ) of confseq 0.0.11's betting_mart (theta = 1, trunc_scale = 0.75, predictable
    empirical-Bernstein bets) on the example, computed once and noted here."""
    gains = 1.0 - (EXAMPLE - LOW) / SPAN
    reference = {
        True: {0.6: 39309.04152624737, 0.62: 305.5541935190593, 0.64: 2.836431803242782},
        False: {0.6: 29897.245182150054, 0.62: 291.85007097483015, 0.64: 3.073526847777279},
    }
    for fixed_n, values in reference.items():
        bets = plug_in_bets(gains, math.log(20), fixed_n)
        for mean, capital in values.items():
            found = math.exp(log_capital(gains, bets, mean, 0.75)[-1])
            assert found == pytest.approx(capital, rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_capital_falls_as_the_candidate_rises(gains: list[float], mean: float) -> None:
    values = np.array(gains)
    bets = plug_in_bets(values, math.log(20), True)
    lower, higher = (
        log_capital(values, bets, mean),
        log_capital(values, bets, min(1.0, mean * 1.05)),
    )
    assert (higher <= lower + 1e-12).all()


@settings(deadline=None)
@given(
    st.lists(st.floats(LOW, HIGH), min_size=2, max_size=60),
    st.floats(0.001, 0.4),
    st.sampled_from(METHODS),
)
def test_bounds_exceed_the_mean_and_tighten_with_the_failure_probability(
    values: list[float], failure_prob: float, method: str
) -> None:
    losses = np.array(values)
    bound = upper_mean(losses, LOW, HIGH, failure_prob, method)
    if method in ("hoeffding", "maurer_pontil"):
        assert bound >= losses.mean() - 1e-9
        assert upper_mean(losses, LOW, HIGH, failure_prob / 2, method) > bound
    else:
        assert bound <= HIGH + 1e-9
    assert upper_mean(losses, LOW, HIGH, failure_prob, method, 5.0) >= bound - 1e-9


def test_betting_depends_on_the_order_and_may_exclude_the_mean_of_the_sample() -> None:
    """No flaw: it covers the distribution's mean with probability 1 − δ; here δ is large, and the
    order one that a random sample seldom has. A property test took it for one."""
    rising = np.array([1.0, 1.0, 15.0, 16.0])
    assert upper_mean(rising, LOW, HIGH, 0.375, "betting") < rising.mean()
    assert upper_mean(rising[::-1].copy(), LOW, HIGH, 0.375, "betting") > rising.mean()
    assert upper_mean(rising, LOW, HIGH, 0.05, "betting") > rising.mean()


def test_a_union_is_a_smaller_share() -> None:
    for method in METHODS:
        direct = upper_mean(EXAMPLE, LOW, HIGH, 0.05 / 1000, method)
        union = upper_mean(EXAMPLE, LOW, HIGH, 0.05, method, math.log(1000))
        assert union == pytest.approx(direct, rel=1e-10)


def test_limits() -> None:
    rng = np.random.default_rng(0)
    losses = rng.uniform(4.0, 8.0, 200_000)
    for method in METHODS:
        assert upper_mean(losses, LOW, HIGH, 0.05, method) == pytest.approx(6.0, abs=0.08)
        # δ → 0: certainty costs the whole range
        assert upper_mean(losses[:50], LOW, HIGH, 1e-300, method) >= HIGH - 1e-9
    assert hoeffding_width(SPAN, math.log(1 / 0.05), 10**12) < 1e-4
    assert maurer_pontil_width(0.0, SPAN, math.log(40), 10**12) < 1e-9


def test_a_sequence_never_rises_and_agrees_with_its_prefixes() -> None:
    rng = np.random.default_rng(3)
    losses = rng.gamma(4.0, 1.5, 3000).clip(LOW, HIGH)
    at = [1, 10, 100, 500, 1000, 3000]
    curve = betting_sequence_upper(losses, LOW, HIGH, 0.05, at)
    assert (np.diff(curve) <= 0).all()
    for count, value in zip(at, curve, strict=True):
        alone = upper_mean(losses[:count], LOW, HIGH, 0.05, "betting_sequence")
        assert value == pytest.approx(alone, abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([]), "at least"),
        (np.array([5.0, np.nan]), "NaN"),
        (np.array([5.0, np.inf]), "NaN or infinite"),
        (np.array([5.0, HIGH + 1e-3]), "must lie in"),
        (np.array([5.0, LOW - 1e-3]), "must lie in"),
        (np.ones((2, 2)), "vector"),
    ],
)
def test_bad_values_are_refused(values: np.ndarray, message: str, method: str) -> None:
    with pytest.raises(DataError, match=message):
        upper_mean(values, LOW, HIGH, 0.05, method)


def test_bad_settings_are_refused() -> None:
    for failure_prob in (0.0, 1.0, -0.1, math.nan):
        with pytest.raises(ConfigError, match="failure_prob"):
            upper_mean(EXAMPLE, LOW, HIGH, failure_prob, "betting")
    with pytest.raises(DataError, match="at least 2"):
        upper_mean(EXAMPLE[:1], LOW, HIGH, 0.05, "maurer_pontil")
    with pytest.raises(DataError):
        maurer_pontil_width(1.0, SPAN, 3.0, 1)
    with pytest.raises(DataError):
        hoeffding_width(SPAN, 3.0, 0)
    for at in ([], [5, 2], [0, 2], [201]):
        with pytest.raises(DataError, match="counts must ascend"):
            betting_sequence_upper(EXAMPLE, LOW, HIGH, 0.05, at)


def test_a_million_values_come_close_to_their_mean() -> None:
    losses = np.random.default_rng(0).beta(2, 5, 1_000_000) * SPAN + LOW
    bound = betting_upper(losses, LOW, HIGH, 0.05)
    assert losses.mean() < bound < losses.mean() + 0.01
