"""Sparse codes: they say the same as the dense matrix, at every k."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from semdim.codes.sparse import Codes, concatenate, decode, from_dense
from semdim.errors import DataError

dense_codes = arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 9)),
    elements=st.sampled_from([0.0, 0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 3.5]),
)


@given(dense_codes)
def test_sparse_and_dense_codes_are_the_same_matrix(values: np.ndarray) -> None:
    dense = torch.from_numpy(values)
    codes = from_dense(dense)
    assert torch.equal(codes.to_dense(), dense)
    assert torch.equal(codes.n_active, (dense > 0).sum(dim=1))
    torch.testing.assert_close(codes.norm, dense.norm(dim=1))


@given(dense_codes, st.integers(1, 9))
def test_top_k_keeps_the_k_largest_of_each_row(values: np.ndarray, k: int) -> None:
    dense = torch.from_numpy(values)
    k = min(k, dense.shape[1])
    kept = from_dense(dense).top(k).to_dense()
    for row, original in zip(kept, dense, strict=True):
        assert int((row > 0).sum()) == min(k, int((original > 0).sum()))
        largest = original.sort(descending=True).values[:k]
        torch.testing.assert_close(row.sort(descending=True).values[:k], largest)


@given(dense_codes)
def test_within_a_row_contributions_descend(values: np.ndarray) -> None:
    codes = from_dense(torch.from_numpy(values))
    for row in range(len(codes)):
        part = codes.rows(row, row + 1).values
        assert bool((part.diff() <= 0).all())


@settings(max_examples=50)
@given(dense_codes, st.integers(1, 5))
def test_decoding_is_the_matrix_product(values: np.ndarray, d_model: int) -> None:
    dense = torch.from_numpy(values)
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(dense.shape[1], d_model, generator=generator)
    bias = torch.randn(d_model, generator=generator)
    torch.testing.assert_close(decode(from_dense(dense), weight, bias), dense @ weight + bias)


@given(dense_codes, st.data())
def test_splitting_and_concatenating_is_the_identity(
    values: np.ndarray, data: st.DataObject
) -> None:
    codes = from_dense(torch.from_numpy(values))
    cut = data.draw(st.integers(0, len(codes)))
    joined = concatenate([codes.rows(0, cut), codes.rows(cut, len(codes))])
    assert torch.equal(joined.row_starts, codes.row_starts)
    assert torch.equal(joined.atoms, codes.atoms)
    assert torch.equal(joined.values, codes.values)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
def test_values_that_are_no_codes_are_refused(bad: float) -> None:
    with pytest.raises(DataError, match="NaN, infinite or negative"):
        from_dense(torch.tensor([[0.0, bad]]))


@pytest.mark.parametrize("k", [0, 4])
def test_k_outside_the_dictionary_is_refused(k: int) -> None:
    codes: Codes = from_dense(torch.tensor([[0.0, 1.0, 2.0]]))
    with pytest.raises(DataError, match="between 1 and 3"):
        codes.top(k)
