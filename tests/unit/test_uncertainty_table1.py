"""Table 1 and the histograms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import DataError
from semdim.uncertainty.rows import check_tokens
from semdim.uncertainty.table1 import (
    SPARSITY_COLUMNS,
    histogram_edges,
    position_zero,
    sequence_histogram,
    sparsity_histogram,
    sparsity_table,
    summarise,
)
from semdim.uncertainty.verdict import SpecialPositions


def test_a_summary_by_hand() -> None:
    facts = summarise(np.array([2, 4, 4, 4, 5, 5, 7, 9]))
    assert facts == {
        "n_tokens": 8, "mean": 5.0, "std": 2.0, "min": 2, "q05": 2, "q25": 4, "q50": 4, "q75": 5,
        "q95": 9, "q99": 9, "max": 9,
    }  # fmt: skip


def test_no_tokens_cannot_be_summarised() -> None:
    with pytest.raises(DataError):
        summarise(np.array([], dtype=np.int64))


def test_the_table_has_a_row_with_and_one_without_position_zero() -> None:
    tokens = {"a": check_tokens(make_ledger(5, 2, 8), "a")}
    table = sparsity_table(tokens)
    assert tuple(table.columns) == SPARSITY_COLUMNS
    assert table["positions"].tolist() == ["all", "without_bos"]
    assert table["n_tokens"].tolist() == [80, 70]
    assert table.loc[0, "max"] == 500 > table.loc[1, "max"]
    counts = tokens["a"].query("position > 0")["n_active"]
    assert table.loc[1, "mean"] == pytest.approx(counts.mean())
    assert table.loc[1, "std"] == pytest.approx(counts.std(ddof=0))


@given(counts=st.lists(st.integers(0, 3000), min_size=1, max_size=50), n_bins=st.integers(1, 80))
def test_edges_hold_every_count_in_few_bins_of_one_width(counts: list[int], n_bins: int) -> None:
    edges = histogram_edges(np.array(counts), n_bins)
    assert edges[0] == 0 and edges[-1] > max(counts)
    assert len(set(np.diff(edges))) == 1
    assert len(edges) - 1 <= 10 * n_bins


def test_a_long_tail_does_not_flatten_the_bulk() -> None:
    counts = np.append(np.arange(1000) % 120, 1539)
    assert histogram_edges(counts, 60)[1] == 3  # 120 values in 40 bars, not in four


def test_histograms_count_every_token_once_in_common_bins() -> None:
    tokens = {
        name: check_tokens(make_ledger(5, 2, 8, shift=shift), name)
        for name, shift in (("a", 0.0), ("b", 25.0))
    }
    table = sparsity_histogram(tokens, 30)
    totals = table.groupby(["corpus", "positions"])["count"].sum()
    assert totals.to_dict() == {
        ("a", "all"): 80, ("a", "without_bos"): 70, ("b", "all"): 80, ("b", "without_bos"): 70,
    }  # fmt: skip
    groups = [group[["left", "right"]].to_numpy() for _, group in table.groupby(["corpus"])]
    assert (groups[0] == groups[1]).all()
    row = table.query("corpus == 'b' and positions == 'all' and left <= 500 < right")
    assert row["count"].tolist() == [10]  # position 0 of ten sequences


def test_the_sequence_histogram_counts_the_values() -> None:
    table = sequence_histogram({"a": np.array([3.0, 3.5, 7.0])}, 60)
    assert table.query("count > 0")[["left", "right", "count"]].values.tolist() == [
        [3, 4, 2],
        [7, 8, 1],
    ]
    table = sequence_histogram({"a": np.array([0.0, 90.0, 110.0, 7000.0])}, 60)
    assert table["count"].sum() == 4 and table["left"].iloc[0] == 0
    assert table["right"].iloc[-1] == 7001
    width = table["right"] / table["left"].clip(lower=1)
    assert (width[table["left"] > 100] < 1.2).all()  # equal ratios: 7001^(1/60) = 1.16


def test_position_zero_is_reported_apart() -> None:
    facts = position_zero({"a": check_tokens(make_ledger(5, 2, 8), "a")})
    assert facts == {"a": SpecialPositions(10, 1, 500.0, 500, 500)}
