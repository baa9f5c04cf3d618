"""Lemma 2, Dudley's integral, Rademacher complexity: golden values, quadrature, monotonicity."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from semdim.bounds.entropy import (
    BALL,
    dudley_integral,
    dudley_jensen,
    metric_entropy,
    rademacher_complexity,
)
from semdim.bounds.published_terms import published_terms
from semdim.bounds.quantities import sparse_semantic_dimension
from semdim.errors import ConfigError, DataError

CHECK = {"n_active": 100, "dict_size": 100_000, "vocab_size": 50257, "smoothing": 0.5}
"""The paper's numeric check."""


@st.composite
def dictionaries(draw: st.DrawFn) -> tuple[float, int]:
    """k and m with 0 < k ≤ m."""
    dict_size = draw(st.integers(1, 10**7))
    return draw(st.floats(1e-3 * dict_size, dict_size)), dict_size


def test_golden_complexities_of_the_papers_numeric_check() -> None:
    twice = {
        reading: 2.0 * rademacher_complexity(n_samples=10**6, reading=reading, **CHECK)
        for reading in ("published", "exact", "jensen")
    }
    assert twice["published"] == pytest.approx(1.869133, abs=6e-7)
    assert twice["exact"] == pytest.approx(12.600947, abs=6e-7)
    assert twice["jensen"] == pytest.approx(12.615459, abs=6e-7)


def test_the_published_reading_is_half_of_eq_17s_term() -> None:
    terms = published_terms(n_tokens=5000, failure_prob=0.05, **CHECK)
    published = rademacher_complexity(n_samples=5000, reading="published", **CHECK)
    assert 2.0 * published == pytest.approx(terms.complexity, rel=1e-12)


def test_eq_14_at_whole_numbers() -> None:
    # k = 2 of m = 4 atoms: 2 ln(2e) + 2 ln 10 = 2 + 2 ln 20
    assert metric_entropy(0.1, 2, 4, 1.0) == pytest.approx(2.0 + 2.0 * math.log(20.0), rel=1e-14)
    assert metric_entropy(3.0, 2, 4, 3.0) == pytest.approx(sparse_semantic_dimension(2, 4))
    honest = metric_entropy(0.1, 2, 4, 1.0, covering_constant=BALL)
    assert honest == pytest.approx(2.0 + 2.0 * math.log(60.0), rel=1e-14)


@given(dictionaries(), st.floats(1e-6, 1.0), st.floats(1e-6, 1.0), st.floats(1e-3, 1e6))
def test_entropy_falls_with_the_scale_and_depends_on_the_ratio_alone(
    dictionary: tuple[float, int], one: float, other: float, radius: float
) -> None:
    small, large = sorted((one, other))
    fine, coarse = (metric_entropy(scale, *dictionary, 1.0) for scale in (small, large))
    assert fine >= coarse >= sparse_semantic_dimension(*dictionary)
    scaled = metric_entropy(min(small * radius, radius), *dictionary, radius)
    assert scaled == pytest.approx(fine, rel=1e-9)


@given(dictionaries(), st.floats(1.0, 10.0))
def test_the_closed_form_is_the_integral_of_the_entropy(
    dictionary: tuple[float, int], constant: float
) -> None:
    def root(u: float) -> float:
        return math.sqrt(metric_entropy(u, *dictionary, 1.0, covering_constant=constant))

    by_quadrature, _ = quad(root, 0.0, 1.0, epsrel=1e-10, limit=200)
    closed = dudley_integral(*dictionary, covering_constant=constant)
    assert closed == pytest.approx(by_quadrature, rel=1e-6)


@given(dictionaries(), st.floats(1.0, 10.0))
def test_the_integral_lies_between_its_end_and_jensen(
    dictionary: tuple[float, int], constant: float
) -> None:
    exact = dudley_integral(*dictionary, covering_constant=constant)
    jensen = dudley_jensen(*dictionary, covering_constant=constant)
    at_the_radius = math.sqrt(metric_entropy(1.0, *dictionary, 1.0, covering_constant=constant))
    assert at_the_radius < exact <= jensen * (1.0 + 1e-12)


@given(
    dictionaries(),
    st.floats(1.0, 2.0),
    st.integers(1, 10**6),
    st.sampled_from(["published", "exact", "jensen"]),
)
def test_complexity_rises_with_k_and_m_and_falls_with_n(
    dictionary: tuple[float, int], factor: float, n_samples: int, reading: str
) -> None:
    k, dict_size = dictionary

    def at(k: float, dict_size: int, n_samples: int) -> float:
        return rademacher_complexity(
            n_active=k,
            dict_size=dict_size,
            n_samples=n_samples,
            vocab_size=50257,
            smoothing=0.5,
            reading=reading,
        )

    here = at(k, dict_size, n_samples)
    assert at(min(k * factor, dict_size), dict_size, n_samples) >= here * (1 - 1e-12)
    assert at(k, math.ceil(dict_size * factor), n_samples) >= here * (1 - 1e-12)
    assert at(k, dict_size, 4 * n_samples) == pytest.approx(here / 2.0, rel=1e-12)


def test_a_huge_dictionary_neither_overflows_nor_underflows() -> None:
    below, above = (dudley_integral(1, int(math.exp(x))) for x in (597.5, 598.5))
    assert below < above < dudley_jensen(1, int(math.exp(598.5)))
    assert above == pytest.approx(below, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 2, 4, 1.0), "scale must be in"),
        ((1.5, 2, 4, 1.0), "scale must be in"),
        ((0.5, 2, 4, 0.0), "radius must be"),
        ((0.5, 2, 4, math.inf), "radius must be"),
        ((0.5, 5, 4, 1.0), "at most the dictionary size"),
    ],
)
def test_impossible_entropies_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        metric_entropy(*arguments)


def test_impossible_complexities_are_refused() -> None:
    with pytest.raises(ConfigError, match="covering_constant must be"):
        dudley_integral(2, 4, covering_constant=0.5)
    with pytest.raises(DataError, match="n_samples must be"):
        rademacher_complexity(n_samples=0, **CHECK)
