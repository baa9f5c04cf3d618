"""Families 1 and 2 against values that were computed independently."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.families.as_published import as_published
from semdim.bounds.published_terms import published_crossing, published_terms
from semdim.bounds.quantities import loss_ceiling
from semdim.bounds.result import SampleSize
from semdim.errors import ConfigError, DataError

# V, α, k, m, N, δ, SSD, complexity, tail, slack
GOLDEN = [
    (50257, 0.5, 100, 100_000, 1_000_000, 0.05, 790.775528, 1.869133, 0.041880, 13.706024),
    (50257, 0.5, 59.77, 24576, 25088, 0.05, 419.526931, 8.595289, 0.253468, 6.768280),
    (50257, 0.5, 59.77, 24576, 100_000, 0.05, 419.526931, 4.305202, 0.126957, 11.184878),
    (50257, 0.5, 162, 24576, 25088, 0.05, 975.552547, 13.107078, 0.274263, 2.235695),
    (256_000, 0.5, 58.19, 16384, 25088, 0.05, 386.401792, 9.414935, 0.288630, 8.262219),
    (256_128, 0.5, 58.19, 16384, 100_000, 0.05, 386.401792, 4.715925, 0.144574, 13.106006),
    (50257, 0.1, 32, 24576, 1_000_000, 0.01, 244.601271, 1.184801, 0.046457, 14.385778),
    (50257, 0.5, 1, 24576, 1000, 0.05, 11.109526, 7.005858, 0.694488, 7.916691),
]
GPT2 = {"n_active": 59.77, "dict_size": 24576, "vocab_size": 50257, "smoothing": 0.5}
GEMMA = {"n_active": 58.19, "dict_size": 16384, "vocab_size": 256_000, "smoothing": 0.5}


@pytest.mark.parametrize("row", GOLDEN)
def test_terms_agree_with_the_golden_table(row: tuple) -> None:
    vocab_size, smoothing, k, m, n_tokens, delta, ssd, complexity, tail, slack = row
    terms = published_terms(
        n_active=k,
        dict_size=m,
        n_tokens=n_tokens,
        vocab_size=vocab_size,
        smoothing=smoothing,
        failure_prob=delta,
    )
    assert terms.ssd == pytest.approx(ssd, abs=6e-7)
    assert terms.complexity == pytest.approx(complexity, abs=6e-7)
    assert terms.tail == pytest.approx(tail, abs=6e-7)
    assert terms.slack == pytest.approx(slack, abs=6e-7)


def test_crossings_of_the_papers_figure() -> None:
    plain = published_crossing(risk_plus_gap=6.75, failure_prob=0.05, **GPT2)
    with_gap = published_crossing(risk_plus_gap=6.75, failure_prob=0.05, with_gap_tail=True, **GPT2)
    gemma = published_crossing(risk_plus_gap=8.05, failure_prob=0.05, **GEMMA)
    assert round(plain) == 24_985
    assert round(with_gap) == 25_715
    assert round(gemma) == 24_026


@pytest.mark.parametrize(("risk_plus_gap", "total"), [(6.7182, 15.5670), (6.75, 15.5988)])
def test_the_papers_figure_shows_15_57_bits_at_25088_tokens_for_a_risk_of_6_72(
    risk_plus_gap: float, total: float
) -> None:
    bound = as_published(
        proxy_risk=risk_plus_gap - 0.25,
        gap=0.25,
        size=SampleSize(25088, 196, None, "token"),
        failure_prob=0.05,
        **GPT2,
    )
    assert bound.total == pytest.approx(total, abs=6e-5)


def test_the_crossing_is_where_the_bound_equals_the_baseline() -> None:
    crossing = published_crossing(risk_plus_gap=6.75, failure_prob=0.05, **GPT2)
    for n_tokens, below in ((math.floor(crossing), False), (math.ceil(crossing), True)):
        bound = as_published(
            proxy_risk=6.5,
            gap=0.25,
            size=SampleSize(n_tokens, 196, 100),
            failure_prob=0.05,
            **GPT2,
        )
        assert bound.is_non_vacuous is below


def test_no_crossing_when_the_measured_part_is_already_vacuous() -> None:
    with pytest.raises(ConfigError, match="no sample size"):
        published_crossing(risk_plus_gap=15.7, failure_prob=0.05, **GPT2)


def test_total_is_the_sum_and_the_gap_tail_is_family_two() -> None:
    size = SampleSize(25088, 196, 100)
    common = {"proxy_risk": 6.5, "gap": 0.25, "size": size, "failure_prob": 0.05, **GPT2}
    one, two = as_published(**common), as_published(with_gap_tail=True, **common)
    assert one.total == pytest.approx(6.75 + 8.595289 + 0.253468, abs=2e-6)
    assert one.gap_tail is None
    extra = loss_ceiling(50257, 0.5) * math.sqrt(math.log(20) / (2 * 25088))
    assert two.total - one.total == pytest.approx(extra, abs=1e-12)
    assert not one.is_certificate and not two.is_certificate
    assert two.budget.is_overspent  # the paper's δ is spent twice


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"n_active": 0.5}, ConfigError),
        ({"n_active": 30_000}, ConfigError),
        ({"n_active": float("nan")}, ConfigError),
        ({"failure_prob": 0.0}, ConfigError),
        ({"failure_prob": 1.0}, ConfigError),
        ({"smoothing": 0.0}, ConfigError),
        ({"smoothing": 1.0}, ConfigError),
        ({"vocab_size": 1}, ConfigError),
        ({"n_tokens": 0}, DataError),
    ],
)
def test_bad_settings_are_refused(change: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        published_terms(**({**GPT2, "n_tokens": 1000, "failure_prob": 0.05} | change))


@pytest.mark.parametrize("change", [{"proxy_risk": 17.0}, {"gap": -0.1}, {"gap": float("nan")}])
def test_statistics_outside_their_range_are_refused(change: dict) -> None:
    common = {"proxy_risk": 6.5, "gap": 0.25, "size": SampleSize(25088, 196, 100)}
    with pytest.raises(DataError):
        as_published(failure_prob=0.05, **GPT2, **(common | change))


def penalty(**change: float) -> float:
    setting = {**GPT2, "n_tokens": 25_088, "failure_prob": 0.05} | change
    terms = published_terms(**setting)
    return terms.complexity + terms.tail + terms.gap_tail


@given(
    st.floats(1.0, 12_288.0),
    st.integers(100, 10**8),
    st.floats(1e-9, 0.5),
    st.floats(1e-4, 0.9),
)
def test_monotone_in_every_argument(k: float, n_tokens: int, delta: float, alpha: float) -> None:
    here = {"n_active": k, "n_tokens": n_tokens, "failure_prob": delta, "smoothing": alpha}
    assert penalty(**(here | {"n_tokens": 2 * n_tokens})) < penalty(**here)
    assert penalty(**(here | {"n_active": 1.5 * k})) > penalty(**here)
    assert penalty(**(here | {"failure_prob": delta / 2})) > penalty(**here)
    assert penalty(**(here | {"smoothing": alpha * 0.9})) > penalty(**here)
    assert penalty(**(here | {"dict_size": 2 * 24_576})) > penalty(**here)


def test_limits() -> None:
    assert penalty(n_tokens=10**18) < 1e-5
    assert penalty(failure_prob=1e-300) > penalty(failure_prob=1e-3) + 1.0
    assert penalty(smoothing=1e-300) > 50 * penalty(smoothing=1.0 - 1e-9)
    whole = published_terms(n_tokens=100, failure_prob=0.05, **(GPT2 | {"n_active": 24_576}))
    assert whole.ssd == pytest.approx(24_576)  # k = m: the whole dictionary


def test_halving_the_error_takes_four_times_the_tokens() -> None:
    assert penalty(n_tokens=100_000) == pytest.approx(penalty(n_tokens=400_000) * 2, rel=1e-12)
