"""n_active in two arithmetic: what rounding is, and what it does to a tail."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from semdim.activations.rounding import rounded, rounding_to
from semdim.uncertainty.rounding import Counted, in_both, rounding_table


def test_every_module_rounds_and_the_weights_come_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4)).eval()
    x = rounded(torch.randn(5, 8), torch.bfloat16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        plain = model(x)
        with rounding_to(model):
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
        model.float().load_state_dict(before)
        with pytest.raises(ZeroDivisionError), rounding_to(model):
            raise ZeroDivisionError
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    torch.testing.assert_close(model(x), plain)


def test_the_table_by_hand() -> None:
    k = np.array([[10, 12, 14], [20, 900, 22]])
    other = np.array([[10, 13, 14], [20, 30, 22]])
    norm = np.array([[1.0, 1.0, 1.0], [1.0, 50.0, 1.0]])
    table = rounding_table(
        {"float32": Counted(k, norm), "bfloat16": Counted(other, np.ones((2, 3)))}
    ).set_index("dtype")
    assert table["max"].tolist() == [900, 30] and table["above"].tolist() == [0.5, 0.0]
    assert table["massive"].tolist() == [1, 0] and table.loc["float32", "above_massive"] == 1.0
    assert np.isnan(table.loc["bfloat16", "above_massive"])
    assert table["median_change"].tolist() == [0.0, 0.5]  # |12 − 13| and |22 − 22|
    assert table["max_change"].tolist() == [0.0, 435.0]


def test_both_are_of_the_same_tokens() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 8)).eval()
    split = SimpleNamespace(model=model, prefix=torch.no_grad()(model))
    sae = SimpleNamespace(encode=lambda x: torch.relu(x.repeat(1, 4) - 0.02))
    token_ids = torch.randint(0, 30, (6, 5))
    found = in_both(split, sae, token_ids, batch_sequences=4)
    assert found["float32"].n_active.shape == found["bfloat16"].n_active.shape == (6, 4)
    activation = model(token_ids).detach()
    expected = (activation.repeat(1, 1, 4) > 0.02).sum(-1)[:, 1:]
    assert (found["float32"].n_active == expected.numpy()).all()
    np.testing.assert_allclose(found["float32"].norm, activation.norm(dim=-1)[:, 1:], rtol=1e-5)
    assert (found["bfloat16"].norm != found["float32"].norm).any()
