"""Packed weights: the same products, found again by their memory."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.forward import packed
from semdim.forward.dtype import onednn_takes_bfloat16
from semdim.forward.packed import PackedProducts
from semdim.forward.split import SplitModel

GATED = {
    "gated_mlp": True, "normalization_type": "RMS", "positional_embedding_type": "rotary",
    "rotary_dim": 12, "act_fn": "silu", "n_key_value_heads": 2,
}  # fmt: skip
PLAIN = {"act_fn": "gelu", "normalization_type": "LN"}
DTYPES = [torch.float32, torch.bfloat16]
# Of a block: query, key, value, out, and the MLP's; long sums are left alone in float32.
N_PACKED = {
    ("gated", torch.float32): 6, ("gated", torch.bfloat16): 7,
    ("plain", torch.float32): 5, ("plain", torch.bfloat16): 6,
}  # fmt: skip


def split_model(architecture: str, dtype: torch.dtype) -> SplitModel:
    kinds: dict[str, dict[str, Any]] = {"gated": GATED, "plain": PLAIN}
    config = HookedTransformerConfig(
        n_layers=3, d_model=48, n_heads=4, d_head=12, d_mlp=96, d_vocab=300, n_ctx=16, seed=0,
        dtype=dtype, **kinds[architecture],
    )  # fmt: skip
    model = HookedTransformer(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if ".b_" in name:  # zeros would hide a bias that is left out
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return SplitModel(model, "blocks.1.hook_resid_pre")


def n_packed(architecture: str, dtype: torch.dtype) -> int:
    """Products of a block that are packed; none in bfloat16 where oneDNN does not take it."""
    takes = dtype == torch.float32 or packed.onednn_takes_bfloat16()
    return N_PACKED[architecture, dtype] if takes else 0


@pytest.fixture(params=["onednn", "no onednn"])
def onednn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN with bfloat16, where this processor has it, and without."""
    if request.param == "no onednn":
        monkeypatch.setattr(packed, "onednn_takes_bfloat16", lambda: False)
    elif not onednn_takes_bfloat16():
        pytest.skip("oneDNN takes no bfloat16 on this processor")


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("architecture", ["gated", "plain"])
def test_a_model_of_packed_products_is_the_model(architecture: str, dtype: torch.dtype) -> None:
    split = split_model(architecture, dtype)
    ids = torch.randint(0, 300, (4, 16), generator=torch.Generator().manual_seed(1))
    activation = split.prefix(ids)
    of_block = n_packed(architecture, dtype)
    assert len(split._products._packed) == of_block  # the suffix was not met yet
    found = split.logits(split.suffix(activation).flatten(0, 1))
    assert len(split._products._packed) == 3 * of_block + (of_block > 0)
    with torch.inference_mode():
        expected = split.model(ids).flatten(0, 1)
    atol = 1e-4 if dtype == torch.float32 else 0.05 * float(expected.std())
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_packed_product_is_the_product(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(70, 33, generator=generator).to(dtype)
    bias = torch.randn(70, generator=generator).to(dtype)
    products = PackedProducts([weight], longest_float32_sum=33)
    for n_rows in (1, 5, 64):  # packed for one number of rows, good for all
        x = torch.randn(2, n_rows, 33, generator=generator).to(dtype)
        exact = F.linear(x.double(), weight.double(), bias.double())
        tolerance = 1e-5 if dtype == torch.float32 else 0.3
        with products, torch.inference_mode():
            for found in (
                F.linear(x, weight, bias),
                torch.addmm(bias, x.flatten(0, 1), weight.T).view_as(exact),
            ):
                torch.testing.assert_close(found.double(), exact, rtol=0, atol=tolerance)
            unbiased = F.linear(x, weight).double() + bias.double()
            torch.testing.assert_close(unbiased, exact, rtol=0, atol=tolerance)
    takes = dtype == torch.float32 or packed.onednn_takes_bfloat16()
    assert len(products._packed) == takes


@pytest.mark.parametrize("takes", [True, False])
def test_bfloat16_is_packed_where_onednn_takes_it(
    takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "onednn_takes_bfloat16", lambda: takes)
    weights = [torch.ones(4, 4), torch.ones(4, 4, dtype=torch.bfloat16)]
    known = PackedProducts(weights, longest_float32_sum=4)._weights.values()
    assert [weight.dtype for weight in known] == DTYPES[: 1 + takes]


def test_what_is_not_known_is_multiplied_as_ever() -> None:
    known, other = torch.randn(8, 4), torch.randn(8, 4)
    long = torch.randn(4, 8)
    products = PackedProducts([known, long], longest_float32_sum=7)
    with products, torch.inference_mode():
        x = torch.randn(3, 4)
        assert F.linear(x, other).equal(x @ other.T)
        assert F.linear(x, weight=other).equal(x @ other.T)
        wide = torch.randn(3, 8)
        assert F.linear(wide, long).equal(wide @ long.T)
        added = torch.addmm(torch.ones(3, 8), x, other.T)
        torch.testing.assert_close(added, 1 + x @ other.T)
        assert torch.addmm(torch.ones(8), x, other.T, beta=0).equal(x @ other.T)
    assert not products._packed
    assert not PackedProducts([known.double()], longest_float32_sum=8)._weights


def test_threads_share_what_is_packed() -> None:
    split = split_model("gated", torch.float32)
    ids = torch.randint(0, 300, (12, 4, 16), generator=torch.Generator().manual_seed(1))
    alone = [split.prefix(batch) for batch in ids]
    other = split_model("gated", torch.float32)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(other.prefix, ids))
    assert len(other._products._packed) == N_PACKED["gated", torch.float32]
    for one, another in zip(alone, together, strict=True):
        assert one.equal(another)


def test_gradients_go_another_way() -> None:
    split = split_model("gated", torch.float32)
    start = torch.randn(1, 16, 48, requires_grad=True)
    split.run_logits(split.run_suffix(start)[0]).sum().backward()
    assert start.grad is not None
    assert not split._products._packed
