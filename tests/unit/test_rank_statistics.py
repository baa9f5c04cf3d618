"""Claims about pairs and intervals of ranks: golden values, logic, and coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_factory import TYPES, law
from scipy.stats import binom, ttest_rel

from semdim.certificate.intervals import excluded
from semdim.errors import DataError
from semdim.rank.order import (
    as_matrix,
    closure,
    e_bh,
    holm,
    neighbours,
    off_diagonal,
    rank_intervals,
)
from semdim.rank.pairwise import documents_needed, ordered_pairs, pairwise_tests

DELTA, N, REPETITIONS, SAES = 0.1, 200, 1000, 5
MOST = binom.ppf(0.9999, REPETITIONS, DELTA)  # misses that δ explains


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return law(SAES, n_tied=3)


@pytest.fixture(scope="module")
def samples(table: np.ndarray) -> np.ndarray:
    """[REPETITIONS, N, SAES]."""
    drawn = np.random.default_rng(11).integers(TYPES, size=(REPETITIONS, N))
    return table[drawn]


def truth(table: np.ndarray) -> np.ndarray:
    """Which is truly more faithful than which; what differs by rounding is equal."""
    means = table.mean(axis=0)
    return np.asarray(means[:, None] < means[None, :] - 1e-9)


def test_holm_and_e_bh_by_hand() -> None:
    # .005 ≤ .05/4, .01 ≤ .05/3, .03 > .05/2.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005]), 0.05).tolist() == [True, False, False, True]
    assert holm(np.array([0.05, 0.05]), 0.05).tolist() == [False, False]
    assert holm(np.array([0.02, 0.05]), 0.05).tolist() == [True, True]
    # The k largest are rejected where the k-th is at least m/(k·.05) = 80/k.
    assert e_bh(np.array([100.0, 3.0, 60.0, 1.0]), 0.05).tolist() == [True, False, True, False]
    assert e_bh(np.array([41.0, 41.0, 0.0, 0.0]), 0.05).tolist() == [True, True, False, False]
    assert not e_bh(np.array([39.0, 39.0, 0.0, 0.0]), 0.05).any()
    assert holm(np.array([]), 0.05).shape == e_bh(np.array([]), 0.05).shape == (0,)


def test_an_order_by_hand() -> None:
    claims = np.zeros((4, 4), dtype=bool)
    claims[0, 1] = claims[1, 2] = True
    full = closure(claims)
    assert full[0, 2] and full.sum() == 3
    assert np.argwhere(neighbours(full)).tolist() == [[0, 1], [1, 2]]
    # The last was not compared with anything.
    assert rank_intervals(full).tolist() == [[1, 2], [2, 3], [3, 4], [1, 4]]
    values = np.arange(12)
    assert off_diagonal(as_matrix(values, 4)).tolist() == values.tolist()


@given(st.integers(1, 7), st.integers(0, 10**6))
def test_the_lines_of_a_diagram_say_all_that_the_order_says(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    claims = np.triu(rng.random((n, n)) < 0.4, 1)
    full = closure(claims)
    assert (closure(full) == full).all() and (full | claims == full).all()
    assert (closure(neighbours(full)) == full).all()
    first, last = rank_intervals(full).T
    assert (first >= 1).all() and (last <= n).all() and (first <= last).all()
    # Some ranking by position obeys every claim, and lies in every interval.
    assert ((first <= np.arange(1, n + 1)) & (np.arange(1, n + 1) <= last)).all()


def test_tests_of_pairs_are_the_dual_of_the_intervals(samples: np.ndarray) -> None:
    one = samples[0]
    tests = pairwise_tests(one, 1.0, DELTA)
    m = tests.n_hypotheses
    assert m == SAES * (SAES - 1)
    for a, b in zip(*ordered_pairs(SAES), strict=True):
        rejected = excluded((one[:, b] - one[:, a])[None], -1.0, 1.0, 0.0, DELTA / m)[0]
        assert rejected == (tests.p[a, b] <= DELTA / m)
    assert (tests.e <= 1.0 / tests.p + 1e-9)[~np.eye(SAES, dtype=bool)].all()


def test_claims_and_ranks_are_wrong_as_rarely_as_they_promise(
    table: np.ndarray, samples: np.ndarray
) -> None:
    better = truth(table)
    ranks = 1 + better.sum(axis=0)
    false_claims = outside = naive = n_claims = 0
    for sample in samples:
        tests = pairwise_tests(sample, 1.0, DELTA)
        claims = closure(as_matrix(holm(off_diagonal(tests.p), DELTA), SAES))
        n_claims += int(claims.sum())
        false_claims += bool((claims & ~better).any())
        first, last = rank_intervals(claims).T
        outside += bool(((ranks < first) | (ranks > last)).any())
        p = ttest_rel(sample[:, :, None], sample[:, None, :], alternative="less").pvalue
        naive += bool((np.nan_to_num(p, nan=1.0) <= DELTA)[~better].any())
    assert false_claims <= MOST and outside <= MOST
    # It is not for want of claims, and without a correction it is wrong far too often.
    assert n_claims > 0.5 * REPETITIONS * better.sum()
    assert naive > 2 * MOST


def test_all_differences_are_covered_at_once(table: np.ndarray, samples: np.ndarray) -> None:
    first, second = ordered_pairs(SAES)
    mean = (table[:, second] - table[:, first]).mean(axis=0)
    half = DELTA / len(first)  # two sides of K(K − 1)/2 pairs

    def missed(drawn: np.ndarray) -> int:
        found = np.zeros(len(drawn), dtype=bool)
        for a, b, of_pair in zip(first, second, mean, strict=True):
            d = drawn[:, :, b] - drawn[:, :, a]
            found |= excluded(d, -1.0, 1.0, of_pair, half)
        return int(found.sum())

    assert missed(samples) <= MOST
    # Windows of a document that are taken for documents: the same 25 documents, eight times each.
    assert missed(np.repeat(samples[:, :25], 8, axis=1)) > 2 * MOST


def test_few_discoveries_are_false(table: np.ndarray, samples: np.ndarray) -> None:
    better, shares, by_eye, n_found = truth(table), [], [], 0
    for sample in samples:
        tests = pairwise_tests(sample, 1.0, DELTA)
        found = as_matrix(e_bh(off_diagonal(tests.e), DELTA), SAES)
        shares.append((found & ~better).sum() / max(found.sum(), 1))
        n_found += int(found.sum())
        means = sample.mean(axis=0)
        seen = means[:, None] < means[None, :]
        by_eye.append((seen & ~better).sum() / seen.sum())
    deviation = np.std(shares) / np.sqrt(REPETITIONS)
    assert np.mean(shares) <= DELTA + 3 * deviation
    assert np.mean(by_eye) > 2 * DELTA and n_found > 0.5 * REPETITIONS * better.sum()


def test_the_documents_that_are_needed_are_about_enough(table: np.ndarray) -> None:
    d = (table[:, 3] - table[:, 0])[None]
    needed = int(documents_needed(d, 1.0, 20, DELTA)[0])
    assert documents_needed(-d, 1.0, 20, DELTA)[0] == needed
    drawn = np.random.default_rng(2).integers(TYPES, size=(2000, 2 * needed))
    power = {
        n: excluded(d[0][drawn[:, :n]], -1.0, 1.0, 0.0, DELTA / 20).mean()
        for n in (needed // 2, needed, 2 * needed)
    }
    assert power[needed // 2] < 0.15 < 0.3 < power[needed] < 0.9 and power[2 * needed] > 0.95
    assert documents_needed(np.zeros((1, 9)), 1.0, 20, DELTA)[0] == np.inf


@pytest.mark.parametrize(
    "values", [np.array([[0.1, 1.2], [0.1, 0.1]]), np.array([[0.1, np.nan]] * 2), np.ones((1, 3))]
)
def test_what_is_no_table_is_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError):
        pairwise_tests(values, 1.0, DELTA)
