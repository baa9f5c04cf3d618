"""What counts as a scored row, how documents are split, and sequences summed up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import DataError
from semdim.tokens.positions import counted
from semdim.uncertainty.rows import (
    check_tokens,
    generator,
    longest_window_mean,
    origins,
    sequence_n_active,
    split_documents,
)


def ledger_of(counts: list[list[int]], documents: list[int]) -> pd.DataFrame:
    """One sequence per list; BOS only at position 0."""
    rows = [
        {"document": document, "sequence": i, "position": j, "n_active": k, "is_bos": j == 0}
        for i, (sequence, document) in enumerate(zip(counts, documents, strict=True))
        for j, k in enumerate(sequence)
    ]
    return pd.DataFrame(rows).assign(token_id=1, is_outlier=False)


def test_sequences_are_summed_up_without_position_zero() -> None:
    ledger = ledger_of([[900, 10, 20, 60], [900, 5, 5, 2]], documents=[7, 3])
    table = sequence_n_active(ledger, window=2)
    assert table.to_dict("list") == {
        "document": [7, 3],
        "sequence": [0, 1],
        "n_scored": [3, 3],
        "mean_n_active": [30.0, 4.0],
        "max_n_active": [60.0, 5.0],
        "window_n_active": [40.0, 5.0],
    }


def test_a_bos_in_mid_sequence_is_left_out_too() -> None:
    ledger = ledger_of([[900, 10, 800, 20]], documents=[0])
    ledger.loc[2, "is_bos"] = True
    assert sequence_n_active(ledger)["max_n_active"].tolist() == [20.0]


def test_position_zero_is_left_out_even_of_a_model_without_bos() -> None:
    ledger = ledger_of([[900, 10, 20]], documents=[0]).assign(is_bos=False)
    assert sequence_n_active(ledger)["max_n_active"].tolist() == [20.0]


def test_the_order_of_the_rows_does_not_matter() -> None:
    ledger = make_ledger(6, 2, 9)
    shuffled = ledger.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(sequence_n_active(ledger, 3), sequence_n_active(shuffled, 3))
    pd.testing.assert_frame_equal(check_tokens(ledger, "x"), check_tokens(shuffled, "x"))


@given(
    lengths=st.lists(st.integers(3, 8), min_size=1, max_size=5),
    window=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_window_means_agree_with_a_loop(lengths: list[int], window: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 99, sum(lengths)).astype(float)
    starts = np.cumsum([0, *lengths[:-1]])
    expected = [
        max(values[i : i + window].mean() for i in range(start, start + length - window + 1))
        for start, length in zip(starts, lengths, strict=True)
    ]
    assert longest_window_mean(values, starts, window) == pytest.approx(expected)


def test_a_sequence_shorter_than_the_window_is_refused() -> None:
    with pytest.raises(DataError, match=r"has 3 tokens after position 0.*window = 4"):
        sequence_n_active(ledger_of([[1, 2, 3, 4]], [0]), window=4)


def test_a_sequence_of_bos_alone_is_refused() -> None:
    with pytest.raises(DataError, match="nothing but BOS"):
        sequence_n_active(ledger_of([[1, 2], [3]], [0, 1]))


def test_last_rows_are_marked_and_position_zero_is_not_scored() -> None:
    tokens = check_tokens(make_ledger(3, 2, 5), "x")
    assert tokens.loc[tokens["is_last"], "position"].tolist() == [4] * 6
    assert counted(tokens)["position"].min() == 1
    assert len(counted(tokens)) == 6 * 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop(columns="n_active"), "lacks the columns n_active"),
        (lambda t: t.iloc[:0], "has no rows"),
        (lambda t: t.assign(n_active=-1), "negative n_active"),
        (lambda t: t.assign(n_active=np.where(t.index == 3, np.nan, 1)), "missing values in n_act"),
        (lambda t: t.drop(index=2), "positions are not 0, 1, 2"),
        (lambda t: pd.concat([t, t.iloc[[4]]]), "positions are not 0, 1, 2"),
        (lambda t: t.assign(document=t["position"]), "spans several documents"),
    ],
)
def test_a_damaged_ledger_is_refused_by_name(damage, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message) as refused:
        check_tokens(damage(make_ledger(4, 1, 6)), "essays")
    assert "essays" in str(refused.value)


@given(n_documents=st.integers(2, 60), share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_the_split_is_a_partition_of_the_documents(
    n_documents: int, share: float, seed: int
) -> None:
    document = np.repeat(np.arange(n_documents) * 3, 4)
    split = split_documents(document, share, generator(seed, "test"))
    assert len(split.fit) and len(split.evaluation)
    assert sorted([*split.fit, *split.evaluation]) == sorted(set(document.tolist()))
    assert abs(len(split.fit) - share * n_documents) <= 1


def test_one_document_cannot_be_split() -> None:
    with pytest.raises(DataError, match="at least 2 are needed"):
        split_documents(np.zeros(9, dtype=np.int64), 0.5, generator(0, "test"))


def test_each_purpose_has_its_own_stream() -> None:
    first, again, other = (generator(1, purpose).random() for purpose in ("a", "a", "b"))
    assert first == again != other


def test_origins_follow_document_names() -> None:
    rows = np.array([0, 0, 1, 2])
    assert origins(rows, ["b", "x", "a"], ["a", "b"], "near").tolist() == [1, 1, -1, 0]
    with pytest.raises(DataError, match="document numbered 2 but 2 document names"):
        origins(rows, ["b", "x"], ["a", "b"], "near")
    with pytest.raises(DataError, match="'a' of corpus 'near' has the name of 2 ID documents"):
        origins(rows, ["b", "x", "a"], ["a", "b", "a"], "near")
