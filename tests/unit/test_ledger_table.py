"""The ledger: what is written is read, nulls stand where nothing is predicted, damage is named."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ledger_factory import make_facts

from semdim.errors import ArtifactError
from semdim.ledger.facts import SCHEMA_VERSION, LedgerFacts
from semdim.ledger.memory import Ledger
from semdim.ledger.table import (
    COLUMNS,
    build_table,
    read_facts,
    read_ledger,
    read_table,
    write_ledger,
)

S, T = 3, 4
IDS = np.arange(S * T, dtype=np.int32).reshape(S, T)
DOCUMENT = np.array([0, 0, 1], dtype=np.int32)


def columns() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    per_token = {
        name: rng.random((S, T), dtype=np.float32)
        for name in (
            "code_norm",
            "reconstruction_norm",
            "reconstruction_error",
            "activation_norm",
            "centred_norm",
        )
    }
    per_token["n_active"] = rng.integers(0, 9, (S, T)).astype(np.int32)
    per_token["deepest_rank"] = rng.integers(-1, 9, (S, T)).astype(np.int32)
    per_token["is_bos"] = np.eye(T, dtype=bool)[:1].repeat(S, 0)
    per_token["is_outlier"] = np.zeros((S, T), dtype=bool)
    per_prediction = {
        name: rng.random((S, T - 1), dtype=np.float32)
        for name in ("nll_model", "nll_sae", "max_prob", "entropy", "energy", "top1_error")
    }
    return per_token, per_prediction


def facts(**changes: Any) -> LedgerFacts:
    return replace(make_facts(n_sequences=S, n_documents=2, context=T), **changes)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    per_token, per_prediction = columns()
    path = tmp_path / "a" / "ledger.parquet"
    write_ledger(build_table(IDS, DOCUMENT, per_token, per_prediction, facts()), path)
    table, found = read_ledger(path)
    assert found == facts() == read_facts(path)
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
    write_ledger(build_table(IDS, DOCUMENT, *columns(), facts()), path)
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
        write_ledger(build_table(IDS, DOCUMENT, *columns(), facts()), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def two_files(folder: Path, **changes: Any) -> tuple[Path, Path]:
    """A ledger without ``deepest_rank`` and topk_3, and a second file with them."""
    per_token, per_prediction = columns()
    rank = {"deepest_rank": per_token.pop("deepest_rank")}
    more = {"nll_topk_3": per_prediction["nll_sae"] + 1}
    base, further = folder / "base.parquet", folder / "further.parquet"
    write_ledger(build_table(IDS, DOCUMENT, per_token, per_prediction, facts()), base)
    of_further = facts(proxies={"topk_3": "all"}, codes=None, **changes)
    write_ledger(build_table(IDS, DOCUMENT, rank, more, of_further), further)
    return base, further


def test_further_columns_are_put_beside(tmp_path: Path) -> None:
    base, further = two_files(tmp_path)
    alone, _ = read_ledger(base)
    both, found = read_ledger(base, further=further)
    assert list(both) == [*alone, "deepest_rank", "nll_topk_3"]
    assert both[list(alone)].equals(alone)
    np.testing.assert_array_equal(both["nll_topk_3"], both["nll_sae"] + 1)
    assert found == facts(proxies={**facts().proxies, "topk_3": "all"})
    wanted = ["nll_topk_3", "sequence", "n_active"]
    assert read_ledger(base, wanted, further)[0].equals(both[wanted])
    assert Ledger.read(base, further).rows.equals(both)
    with pytest.raises(ArtifactError, match=r"no column nll_topk_4.*nll_topk_3"):
        read_ledger(base, ["nll_topk_4"], further)


def test_columns_of_other_rows_are_not_put_beside(tmp_path: Path) -> None:
    base, further = two_files(tmp_path)
    table = build_table(IDS, DOCUMENT, {}, {}, facts())
    for name in ("document", "sequence", "position", "token_id"):
        at = table.column_names.index(name)
        wrong = table.set_column(at, name, pa.array([9] * (S * T), table[name].type))
        write_ledger(wrong, further)
        with pytest.raises(ArtifactError, match="not of the same rows"):
            read_ledger(base, ["n_active"], further)
    write_ledger(table.slice(0, 4), further)
    with pytest.raises(ArtifactError, match="not of the same rows"):
        read_ledger(base, further=further)
    two_files(tmp_path, sae_fingerprint="other", seed=8)
    with pytest.raises(ArtifactError, match="differ in sae_fingerprint, seed"):
        read_ledger(base, further=further)


def test_facts_are_read_as_they_were_written() -> None:
    given = facts()
    text = given.to_json()
    assert LedgerFacts.from_json(text, "x") == given
    assert json.loads(text) == {"schema_version": SCHEMA_VERSION, **given.as_dict()}
    assert LedgerFacts.from_json(facts(codes=None).to_json(), "x").codes is None
    assert given["vocab_size"] == given.vocab_size and dict(given)["codes"] == asdict(given.codes)  # type: ignore[arg-type]
    assert (
        "role" not in given and set(given) == set(given.as_dict()) and len(given) == len([*given])
    )
    with pytest.raises(KeyError):
        given["to_json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1}, "schema version 1"),
        ({"seed": None, "vocab_size": None}, "vocab_size is missing"),
        ({"role": "id"}, "role"),
        ({"codes": {"mean_n_active": 1.0}}, "explained_variance"),
    ],
)
def test_other_facts_are_refused(change: dict[str, Any], message: str) -> None:
    raw = json.loads(facts().to_json())
    for name, value in change.items():
        if value is None:
            del raw[name]
        else:
            raw[name] = value
    with pytest.raises(ArtifactError, match=message):
        LedgerFacts.from_json(json.dumps(raw), "ledger.parquet")


def test_another_table_of_semdim_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    write_ledger(build_table(IDS, DOCUMENT, {}, {}, {"corpus": "english"}), path)
    assert read_table(path, ["document"])[1] == {"corpus": "english"}
    with pytest.raises(ArtifactError, match="is no ledger"):
        read_ledger(path)
