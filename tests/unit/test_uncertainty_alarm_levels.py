"""What the alarm looks at: statistics of a sequence so far, and their largest in a document."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import ConfigError
from semdim.uncertainty.alarm_levels import (
    Rule,
    document_levels,
    largest_moving_mean,
    looks_of,
    rules_of,
    sequence_matrix,
    sequence_values,
    statistic,
)
from semdim.uncertainty.common_scale import CommonScale
from semdim.uncertainty.rows import check_tokens


def tokens_of(counts: list[list[int]], documents: list[int]) -> pd.DataFrame:
    """One sequence per list; BOS only at position 0."""
    rows = [
        {"document": document, "sequence": i, "position": j, "n_active": k, "is_bos": j == 0}
        for i, (sequence, document) in enumerate(zip(counts, documents, strict=True))
        for j, k in enumerate(sequence)
    ]
    return pd.DataFrame(rows).assign(token_id=1, is_outlier=False)


def test_looks_end_with_the_end_of_the_sequence() -> None:
    assert looks_of((16, 32, 64), 127) == (16, 32, 64, 127)
    assert looks_of((16, 32, 64), 32) == (16, 32)
    assert looks_of((), 11) == (11,)
    assert rules_of(["a", "b"], (2, 4)) == (Rule("a", 2), Rule("a", 4), Rule("b", 2), Rule("b", 4))


def test_a_document_is_as_unusual_as_its_most_unusual_sequence() -> None:
    tokens = tokens_of([[900, 1, 5, 9], [900, 8, 2, 2], [900, 4, 4, 4]], documents=[7, 7, 3])
    rules = (Rule("sequence_median", 1), Rule("sequence_median", 3), Rule("sequence_max", 2))
    found = document_levels(tokens, rules, moving_length=2)
    assert found.document.tolist() == [3, 7] and found.n_sequences.tolist() == [1, 2]
    assert found.values.tolist() == [[4, 4, 4], [8, 5, 8]]
    first = document_levels(tokens, rules, moving_length=2, at_most=1)
    assert first.values.tolist() == [[4, 4, 4], [1, 5, 5]] and first.n_sequences.tolist() == [1, 1]
    assert sequence_values(tokens, rules[1], 2).tolist() == [5, 2, 4]


def test_bos_is_never_looked_at_wherever_it_stands() -> None:
    tokens = tokens_of([[900, 10, 800, 20]], documents=[0])
    tokens.loc[2, "is_bos"] = True
    assert sequence_values(tokens, Rule("sequence_max", 3), 2).tolist() == [20]
    assert sequence_values(tokens, Rule("moving_mean", 3), 2).tolist() == [15]
    tokens["is_bos"] = [True, True, True, True]
    for name in ("sequence_median", "sequence_max", "moving_mean"):  # nothing counts: no alarm
        assert sequence_values(tokens, Rule(name, 2), 2).tolist() == [0]
    unmarked = tokens_of([[900, 10, 20]], documents=[0]).assign(is_bos=False)
    assert sequence_values(unmarked, Rule("sequence_max", 2), 2).tolist() == [20]


def test_shorter_sequences_are_filled_up_with_nothing() -> None:
    values, mask, document = sequence_matrix(tokens_of([[9, 1], [9, 2, 3]], documents=[5, 4]))
    assert values[mask].tolist() == [1, 2, 3] and mask.sum(axis=1).tolist() == [1, 2]
    assert document.tolist() == [5, 4]


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no statistic 'mode'.*sequence_median.*moving_mean"):
        statistic("mode", 16)


@given(
    counts=st.lists(st.integers(0, 90), min_size=1, max_size=30),
    counted=st.lists(st.booleans(), min_size=30, max_size=30),
    length=st.integers(1, 6),
)
def test_moving_means_agree_with_a_loop(
    counts: list[int], counted: list[bool], length: int
) -> None:
    mask = np.array([counted[: len(counts)]])
    kept = np.array(counts, dtype=float)[mask[0]]
    expected = max(
        (kept[i : i + length].mean() for i in range(len(kept) - length + 1)), default=0.0
    )
    found = largest_moving_mean(np.array([counts], dtype=float), mask, length)
    assert found.tolist() == pytest.approx([expected])


def test_every_statistic_rises_with_n_active_in_proportion() -> None:
    tokens = check_tokens(make_ledger(5, 2, 12), "x")
    tripled = tokens.assign(n_active=3 * tokens["n_active"])
    names = ("sequence_median", "sequence_mean", "sequence_trimmed_mean", "sequence_q25",
             "sequence_q75", "sequence_max", "moving_mean")  # fmt: skip
    rules = rules_of(names, (4, 11))
    plain, large = (document_levels(table, rules, 4).values for table in (tokens, tripled))
    assert large == pytest.approx(3 * plain)


@given(
    reference=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=2, max_size=25),
    documents=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=1),
    seed=st.integers(0, 99),
)
def test_a_score_is_above_a_cut_exactly_when_some_rule_is_above_its_threshold(
    reference: list[tuple[int, int]], documents: list[tuple[int, int]], seed: int
) -> None:
    scale = CommonScale.of(np.array(reference, dtype=float))
    values = np.array(documents, dtype=float)
    scores = scale.score(values)
    cut = float(np.random.default_rng(seed).choice(scores))  # ties with a document's own score
    assert ((values > scale.thresholds(cut)).any(axis=1) == (scores > cut)).all()


def test_a_single_rule_is_its_own_scale() -> None:
    values = np.array([[3.0], [8.0]])
    assert CommonScale(None).score(values).tolist() == [3, 8]
    assert CommonScale(None).thresholds(3.0).tolist() == [3]


def test_no_number_of_atoms_is_beyond_the_scale() -> None:
    scale = CommonScale.of(np.zeros((5, 1)))
    (score,) = scale.score(np.array([[1_000_000.0]]))
    assert scale.thresholds(score)[0] >= 1_000_000
