"""n_active in two arithmetic: what rounding is, and what it does to a tail."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_factory import HOOK, fitting_sae, tiny_model
from torch import nn

from semdim.activations.rounding import round_from_now_on, rounded
from semdim.errors import DataError
from semdim.forward.split import SplitModel
from semdim.uncertainty.rounding import (
    ROUNDING_COLUMNS,
    Counted,
    FirstTokens,
    count_active,
    rounding_row,
    rounding_rows,
    write_rounding,
)

CONTEXT = 16


def test_every_module_rounds() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4)).eval()
    x = rounded(torch.randn(5, 8), torch.bfloat16)
    with torch.no_grad():
        plain = model(x)
        round_from_now_on(model)
        found = model(x)
        # The same by hand: bfloat16 weights, sums in float32, every result rounded once.
        by_hand = x
        for layer in model:
            if isinstance(layer, nn.Linear):
                weight, bias = (rounded(p, torch.bfloat16) for p in (layer.weight, layer.bias))
                by_hand = rounded(by_hand @ weight.T + bias, torch.bfloat16)
            else:
                by_hand = rounded(layer(by_hand), torch.bfloat16)
        torch.testing.assert_close(found, by_hand, rtol=2**-7, atol=1e-4)
        assert (rounded(found, torch.bfloat16) == found).all() and (found != plain).any()
        torch.testing.assert_close(
            found, model.bfloat16()(x.bfloat16()).float(), rtol=0.05, atol=0.02
        )


def test_a_row_by_hand() -> None:
    k = np.array([[96, 10, 12, 14], [96, 20, 900, 22]])
    other = np.array([[90, 10, 13, 14], [91, 20, 30, 22]])
    norm = np.array([[99.0, 1, 1, 1], [99.0, 1, 50, 1]])
    is_counted = np.array([[False, True, True, True]] * 2)
    found = {"float32": Counted(k, norm), "bfloat16": Counted(other, np.ones((2, 4)))}
    row = rounding_row(found, is_counted, 500)
    assert row["n_tokens"] == 6 and row["n_sequences"] == 2 and row["threshold"] == 500
    assert row["equal"] == 4 / 6 and row["change_max"] == 870
    assert (row["change_q50"], row["change_q95"]) == (0, 870)
    assert (row["max_float32"], row["max_bfloat16"]) == (900, 30)
    assert (row["above_float32"], row["above_bfloat16"]) == (0.5, 0.0)
    assert (row["massive_float32"], row["massive_bfloat16"]) == (1, 0)
    assert (row["median_float32"], row["median_bfloat16"]) == (17, 17)
    assert row["mean_float32"] == pytest.approx(978 / 6)
    assert row["sequence_median_change"] == 0.5  # |12 − 13| and |22 − 22|
    assert row["sequence_max_change"] == 435.0
    assert {"corpus", "run_dtype", *row} == set(ROUNDING_COLUMNS)
    with pytest.raises(DataError, match="only special positions"):
        rounding_row(found, np.zeros((2, 4), dtype=bool), 500)


def ledger_of(model: Any, sae: Any, token_ids: torch.Tensor) -> pd.DataFrame:
    counted = count_active(SplitModel(model, HOOK), sae, token_ids, 4)
    sequence, position = np.indices(token_ids.shape)
    return pd.DataFrame(
        {
            "sequence": sequence.ravel(),
            "position": position.ravel(),
            "token_id": token_ids.numpy().ravel(),
            "is_bos": position.ravel() == 0,
            "n_active": counted.n_active.ravel(),
            "activation_norm": counted.norm.ravel(),
        }
    )


def test_the_run_is_compared_with_the_other_arithmetic(tmp_path: Path) -> None:
    folder, sae = tmp_path / "model", fitting_sae()
    token_ids = torch.randint(0, 500, (9, CONTEXT), generator=torch.Generator().manual_seed(2))
    ledger = ledger_of(tiny_model(folder), sae, token_ids)
    shuffled = ledger.sample(frac=1.0, random_state=0)
    first = FirstTokens.of(shuffled, CONTEXT, 5 * CONTEXT - 3)
    assert (first.token_ids == token_ids[:5].numpy()).all()
    assert not first.is_counted[:, 0].any() and first.is_counted[:, 1:].all()

    def row(run_dtype: str) -> dict[str, Any]:
        split = SplitModel(tiny_model(folder), HOOK)
        (found,) = rounding_rows(
            [("english", first)], run_dtype, split, sae, batch_sequences=2, threshold=40
        )
        return found

    same = row("bfloat16")  # the ledger is float32's in truth, and so equal to the other
    assert same["equal"] == 1.0 and same["change_max"] == 0 and same["corpus"] == "english"
    assert same["mean_float32"] == same["mean_bfloat16"]
    found = row("float32")
    assert found["equal"] < 1.0 and found["change_max"] >= 1
    assert found["mean_float32"] == same["mean_float32"]
    assert abs(found["mean_bfloat16"] - found["mean_float32"]) < 1.0

    # The rounded weights are those that multiply, also where products are packed.
    unpacked = tiny_model(folder)
    round_from_now_on(unpacked)
    with torch.inference_mode():
        split = SplitModel(unpacked, HOOK)
        bare = split.backend.prefix(token_ids[:5], split.start_layer)
        plain = SplitModel(tiny_model(folder), HOOK).prefix(token_ids[:5])
    packed_split = SplitModel(tiny_model(folder), HOOK)
    round_from_now_on(packed_split.model)
    packed = packed_split.prefix(token_ids[:5])
    assert (packed - bare).norm() < 0.2 * (packed - plain).norm()
    bare_k = (sae.encode(bare.flatten(0, 1)) > 0).sum(-1).reshape(5, CONTEXT)[:, 1:]
    assert abs(bare_k.float().mean().item() - found["mean_bfloat16"]) < 0.2

    table = write_rounding(tmp_path, [same, found])
    read = pd.read_csv(tmp_path / "rounding.csv")
    assert list(read.columns) == list(ROUNDING_COLUMNS) and len(read) == len(table) == 2


def test_nothing_measured_is_a_heading(tmp_path: Path) -> None:
    assert write_rounding(tmp_path, []).empty
    assert (tmp_path / "rounding.csv").read_text() == ",".join(ROUNDING_COLUMNS) + "\n"


def test_a_corpus_may_be_shorter_and_must_be_whole() -> None:
    rows = pd.DataFrame(
        {
            "sequence": [0, 0], "position": [0, 1], "token_id": [1, 2], "is_bos": [True, False],
            "n_active": [5, 6], "activation_norm": [1.0, 1.0],
        }
    )  # fmt: skip
    assert FirstTokens.of(rows, 2, 1000).token_ids.tolist() == [[1, 2]]
    with pytest.raises(DataError, match="no whole sequences of 3"):
        FirstTokens.of(rows, 3, 1000)
