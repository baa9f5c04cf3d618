"""The ledger: what is written is read, nulls stand where nothing is predicted, damage is named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semdim.errors import ArtifactError
from semdim.ledger.table import COLUMNS, build_table, read_facts, read_ledger, write_ledger

S, T = 3, 4
IDS = np.arange(S * T, dtype=np.int32).reshape(S, T)
DOCUMENT = np.array([0, 0, 1], dtype=np.int32)


def columns() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    per_token = {
        name: rng.random((S, T), dtype=np.float32)
        for name in ("code_norm", "reconstruction_error", "activation_norm", "centred_norm")
    }
    per_token["n_active"] = rng.integers(0, 9, (S, T)).astype(np.int32)
    per_token["deepest_rank"] = rng.integers(-1, 9, (S, T)).astype(np.int32)
    per_token["is_bos"] = np.eye(T, dtype=bool)[:1].repeat(S, 0)
    per_token["is_outlier"] = np.zeros((S, T), dtype=bool)
    per_prediction = {
        name: rng.random((S, T - 1), dtype=np.float32)
        for name in ("nll_model", "nll_sae", "max_prob", "entropy", "energy")
    }
    return per_token, per_prediction


def test_what_is_written_is_read(tmp_path: Path) -> None:
    per_token, per_prediction = columns()
    path = tmp_path / "a" / "ledger.parquet"
    write_ledger(build_table(IDS, DOCUMENT, per_token, per_prediction, {"model": "m"}), path)
    table, facts = read_ledger(path)
    assert facts == {"schema_version": 1, "model": "m"}
    assert set(COLUMNS) | {"nll_model", "nll_sae"} == set(table.columns)
    assert table["document"].tolist() == [0] * 8 + [1] * 4
    assert table["sequence"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table["position"].tolist() == [0, 1, 2, 3] * 3
    assert table["token_id"].tolist() == list(range(12))
    for name, values in per_token.items():
        assert np.array_equal(table[name].to_numpy().reshape(S, T), values)
    for name, values in per_prediction.items():
        shaped = table[name].to_numpy().reshape(S, T)
        assert np.array_equal(shaped[:, :-1], values)
        assert np.isnan(shaped[:, -1]).all()


def test_a_missing_column_names_those_that_exist(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    write_ledger(build_table(IDS, DOCUMENT, *columns(), {}), path)
    assert list(read_ledger(path, ["position", "nll_sae"])[0].columns) == ["position", "nll_sae"]
    with pytest.raises(ArtifactError, match=r"no column nll_topk_3.*nll_model.*grid\.sweep"):
        read_ledger(path, ["nll_topk_3"])


def test_columns_of_another_sample_are_refused() -> None:
    per_token, per_prediction = columns()
    per_token["code_norm"] = per_token["code_norm"][:2]
    with pytest.raises(ArtifactError, match="code_norm"):
        build_table(IDS, DOCUMENT, per_token, per_prediction, {})


def test_a_missing_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="dvc repro"):
        read_facts(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ArtifactError, match="damaged"):
        read_facts(tmp_path / "bad.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(ArtifactError, match="not a semdim ledger"):
        read_facts(tmp_path / "other.parquet")


def test_writing_is_deterministic(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_ledger(build_table(IDS, DOCUMENT, *columns(), {"z": 1, "a": 2}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
