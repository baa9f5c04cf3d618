"""C_c and C as observed: which position is in which row, and what the small files say."""

import functools
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_factory import make_ledger

from semdim.errors import DataError
from semdim.ledger.radii import RADII_COLUMNS, radii_of, radii_table
from semdim.results.write_sparsity import write_sparsity
from semdim.uncertainty.table1 import sparsity_table


def four_tokens() -> pd.DataFrame:
    """BOS at position 0, an outlier, and two familiar tokens."""
    return pd.DataFrame(
        {
            "position": [0, 1, 2, 3],
            "is_bos": [True, False, False, False],
            "is_outlier": [True, True, False, False],
            "code_norm": np.float32([50.0, 20.0, 3.0, 4.0]),
            "reconstruction_norm": np.float32([60.0, 30.0, 5.0, 2.0]),
        }
    )


def test_the_largest_norm_is_that_of_the_positions_that_count() -> None:
    rows = {(row["quantity"], row["positions"]): row for row in radii_of(four_tokens())}
    largest = {key: row["max"] for key, row in rows.items()}
    assert largest == {
        ("code_radius", "all"): 50.0,
        ("code_radius", "without_bos"): 20.0,
        ("code_radius", "without_outliers"): 4.0,
        ("reconstruction_radius", "all"): 60.0,
        ("reconstruction_radius", "without_bos"): 30.0,
        ("reconstruction_radius", "without_outliers"): 5.0,
    }
    assert [rows["code_radius", p]["n_tokens"] for p in ("all", "without_bos")] == [4, 3]
    assert rows["code_radius", "without_outliers"]["q50"] == 3.0


@functools.cache
def drawn(seed: int) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """A ledger and its radii, of which every scale is a multiple."""
    ledger = make_ledger(seed=seed)
    return ledger, list(radii_of(ledger))


@given(st.integers(0, 10), st.floats(0.5, 100.0))
def test_radii_scale_with_the_norms(seed: int, scale: float) -> None:
    ledger, radii = drawn(seed)
    scaled = ledger.assign(code_norm=ledger["code_norm"] * scale)
    for row, other in zip(radii, radii_of(scaled), strict=True):
        factor = scale if row["quantity"] == "code_radius" else 1.0
        assert other["max"] == pytest.approx(row["max"] * factor, rel=1e-5)


@pytest.mark.parametrize("seed", range(11))
def test_radii_fall_when_positions_are_left_out(seed: int) -> None:
    ledger, radii = drawn(seed)
    assert all(row["q50"] <= row["q95"] <= row["q99"] <= row["max"] for row in radii)
    table = radii_table({"english": ledger})
    for _, part in table.groupby("quantity", sort=False):
        assert part["max"].is_monotonic_decreasing and part["n_tokens"].is_monotonic_decreasing


def test_a_ledger_without_outliers_or_without_the_column_has_fewer_rows() -> None:
    ledger = four_tokens().drop(columns="reconstruction_norm").iloc[:1]
    assert [row["positions"] for row in radii_of(ledger)] == ["all"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_what_is_no_norm_is_refused(value: float) -> None:
    ledger = four_tokens().assign(reconstruction_norm=[1.0, value, 1.0, 1.0])
    with pytest.raises(DataError, match="reconstruction_norm"):
        list(radii_of(ledger))


def test_the_small_files_hold_the_radii_with_and_without_outliers(tmp_path) -> None:
    ledgers = {"english": four_tokens().assign(n_active=[9, 5, 2, 1])}
    radii = radii_table(ledgers)
    statistics = write_sparsity(tmp_path, sparsity_table(ledgers), radii)
    assert statistics == json.loads((tmp_path / "sparsity.json").read_text("utf-8"))
    english = statistics["english"]
    assert (english["code_radius"], english["code_radius_without_outliers"]) == (20.0, 4.0)
    assert english["outlier_share"] == pytest.approx(1 / 3)
    assert (english["max"], english["reconstruction_radius"]) == (5.0, 30.0)
    written = pd.read_csv(tmp_path / "radii.csv")
    assert tuple(written.columns) == RADII_COLUMNS and len(written) == len(radii)
