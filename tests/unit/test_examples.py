"""The examples run as they are written."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "examples"


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_measuring_in_20_lines(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = example("measure_in_20_lines").main([])
    assert set(ledger.facts.proxies) == {"model", "sae", "topk_8"}
    assert ledger.facts.n_documents > 100
    rows = ledger.rows
    assert rows["n_active"][~rows["is_bos"]].std() > 0
    for name in ("sae", "topk_8"):  # without training neither is better, but each is felt
        assert (rows[f"nll_{name}"] - rows["nll_model"]).abs().mean() > 0.01
    assert f"Ledger({len(rows)} tokens" in capsys.readouterr().out
