"""What counts as a scored row, and how rows and documents are ordered and split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import DataError
from semdim.tokens.positions import counted
from semdim.uncertainty.roles import origin_of
from semdim.uncertainty.rows import (
    check_tokens,
    generator,
    origins,
    split_documents,
)


def test_the_order_of_the_rows_does_not_matter() -> None:
    ledger = make_ledger(6, 2, 9)
    shuffled = ledger.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(check_tokens(ledger, "x"), check_tokens(shuffled, "x"))


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


def test_the_origin_of_rows_is_that_of_their_documents() -> None:
    rows = make_ledger(4, 2, 12)
    names = {"english": ["a", "b", "c", "d"], "near": ["b", "x", "a", "d"]}
    of_documents = origin_of(np.arange(4), "near", "english", "near", names)
    assert of_documents.tolist() == [1, -1, 0, 3]
    of_rows = origin_of(rows, "near", "english", "near", names)
    assert np.array_equal(of_rows, of_documents[rows["document"]])
