"""Columns of the next token against plain formulas in float64, on tiny models of both back ends."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_factory import HOOK, fitting_sae, tiny_model
from transformers import AutoModelForCausalLM

import semdim
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryPlace, MemoryShards
from semdim.bounds.quantities import loss_ceiling, loss_range
from semdim.forward.next_token import (
    BLOCK,
    compared,
    first_highest,
    largest_kl,
    predictions,
    with_scores,
)
from semdim.forward.split import SplitModel
from semdim.proxies.columns import RESIDUAL
from semdim.proxies.losses import LossColumn, ModelItself, compute_losses
from semdim.proxies.model_losses import model_losses
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.memory import prepare_probe
from semdim.steps import Steps

CONTEXT, N = 12, 7
PROXIES = ("model", "sae", "topk_2", "sae_all", "random_decoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny") / "model"


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    found = torch.randint(1, 500, (N, CONTEXT), generator=torch.manual_seed(3))
    found[:, 0] = 0
    return found


def naive(logits_of: Any, ids: torch.Tensor, smoothing: float) -> dict[str, torch.Tensor]:
    """The definitions, in float64 and one vocabulary at a time."""
    p, q = (logits.double().softmax(-1)[:, :-1] for logits in logits_of)
    n_tokens = p.shape[-1]
    smooth_p, smooth_q = ((1 - smoothing) * x + smoothing / n_tokens for x in (p, q))
    next_id = ids[:, 1:].long()
    return {
        "kl": (smooth_p * (smooth_p.log2() - smooth_q.log2())).sum(-1),
        "top1_agrees": (p.argmax(-1) == q.argmax(-1)).double(),
        "top1_error": (p.argmax(-1) != next_id).double(),
    }


def plain_logits(
    model: Any, sae: Any, ids: torch.Tensor, block: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two full passes of the model of transformers, the second with S(h) behind a block."""

    def spliced(module: Any, inputs: Any, output: Any) -> Any:
        h = output[0] if isinstance(output, tuple) else output
        rebuilt = sae.decode(sae.encode(h))
        rebuilt[:, 0] = h[:, 0]
        return (rebuilt, *output[1:]) if isinstance(output, tuple) else rebuilt

    with torch.no_grad():
        whole = model(ids).logits
        handle = model.model.layers[block].register_forward_hook(spliced)
        replaced = model(ids).logits
        handle.remove()
    return whole, replaced


@pytest.mark.parametrize("backend", ["transformer_lens", "transformers"])
@pytest.mark.parametrize("smoothing", [0.5, 0.01])
def test_the_ledger_has_the_columns_of_two_plain_passes(
    folder: Path, ids: torch.Tensor, backend: str, smoothing: float
) -> None:
    lens = tiny_model(folder)
    plain = AutoModelForCausalLM.from_pretrained(folder).eval()
    model = lens if backend == "transformer_lens" else plain
    sae = fitting_sae()
    expected = naive(plain_logits(plain, sae, ids, 1), ids, smoothing)
    ledger = semdim.measure(
        model, sae, ids, bos_token_id=0, progress=False, smoothing=smoothing, batch_sequences=3
    )
    assert ledger.facts.backend == backend and ledger.facts.kl_smoothing == smoothing
    rows = ledger.rows
    for column, values in (
        ("kl_sae", expected["kl"]),
        ("top1_agrees_sae", expected["top1_agrees"]),
        ("top1_error", expected["top1_error"]),
    ):
        found = rows[column].to_numpy().reshape(N, CONTEXT)
        assert np.isnan(found[:, -1]).all()
        np.testing.assert_allclose(found[:, :-1], values.numpy(), rtol=2e-4, atol=2e-5)
    assert "kl_model" not in rows and "top1_agrees_model" not in rows
    # So that equality says something: neither of them is constant.
    assert expected["kl"].std() > 0.01 * (smoothing < 0.1) + 1e-3
    assert 0.02 < expected["top1_agrees"].mean() < 0.98


def test_together_apart_and_from_the_kept_stream_are_the_same_to_the_bit(
    folder: Path, tmp_path: Path, ids: torch.Tensor
) -> None:
    probe, split = prepare_probe(fitting_sae()), SplitModel(tiny_model(folder), HOOK)
    place = FolderPlace(tmp_path)
    steps = Steps(
        split, probe.sae, probe.decoder, ids.int(), place,
        bos_token_id=0, batch_sequences=3, shard_sequences=4,
    )  # fmt: skip
    steps.cache_activations()
    steps.encode_codes()
    steps.compute_losses(PROXIES)
    together = {name: list(place.source(f"losses/{name}")) for name in PROXIES}
    kept = MemoryShards("model", 2)
    model_losses(
        split, ids.int(), place.source("activations"), kept,
        batch_sequences=3, keeps_residual=True, update=lambda _: None,
    )  # fmt: skip
    for index, shard in enumerate(together["model"]):
        of_model = kept.read(index)
        assert of_model.pop(RESIDUAL).shape == (len(shard["nll"]), CONTEXT, 24)
        assert set(of_model) == set(shard)
        assert all(torch.equal(of_model[name], values) for name, values in shard.items())

    def apart(name: str, reference: MemoryShards | None) -> list[dict[str, torch.Tensor]]:
        out = MemoryShards(name, 2)
        weight, bias = probe.decoder.weight, probe.decoder.bias
        column = LossColumn(Reconstructor(parse_proxy(name), weight, bias, seed=0), out)
        compute_losses(
            split, [column], ids.int(), place.source("activations"), place.source("codes"),
            bos_token_id=0, batch_sequences=3, model=ModelItself(0.5, reference),
            update=lambda _: None,
        )  # fmt: skip
        return list(out)

    for name in PROXIES[1:]:
        for reference in (None, kept):
            for one, other in zip(together[name], apart(name, reference), strict=True):
                assert set(one) == {"nll", "kl", "top1_agrees"} == set(other)
                assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("n_sequences", [1, 5, 6, 7])
def test_a_divergence_does_not_depend_on_whether_the_stream_was_kept(
    folder: Path, ids: torch.Tensor, n_sequences: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may be run on fewer sequences than the model; here is a processor on which a sum
    depends on the number of rows, as it does on some by a bit."""
    probe, split = prepare_probe(fitting_sae()), SplitModel(tiny_model(folder), HOOK)
    suffix = split.suffix
    monkeypatch.setattr(
        split, "suffix", lambda activation: suffix(activation) * (1 + 1e-3 * len(activation))
    )
    steps = Steps(
        split, probe.sae, probe.decoder, ids.int(), MemoryPlace(),
        bos_token_id=0, batch_sequences=3, shard_sequences=4,
    )  # fmt: skip
    steps.cache_activations()
    steps.encode_codes()
    activations, codes = (steps.place.source(name) for name in ("activations", "codes"))
    kept = MemoryShards("model", 2)
    model_losses(
        split, ids.int(), activations, kept,
        batch_sequences=3, keeps_residual=True, update=lambda _: None,
    )  # fmt: skip
    found = []
    for reference in (None, kept):
        out = MemoryShards("sae", 2 if n_sequences > 4 else 1)
        proxy = Reconstructor(parse_proxy("sae"), probe.decoder.weight, probe.decoder.bias, seed=0)
        compute_losses(
            split, [LossColumn(proxy, out, n_sequences)], ids.int(), activations, codes,
            bos_token_id=0, batch_sequences=3, model=ModelItself(0.5, reference),
            update=lambda _: None,
        )  # fmt: skip
        found.append(torch.cat([shard["kl"] for shard in out]))
    assert len(found[0]) == n_sequences and torch.equal(*found)


def test_proxies_that_are_the_model_agree_with_it(folder: Path, ids: torch.Tensor) -> None:
    split = SplitModel(tiny_model(folder), HOOK)
    final = split.suffix(split.prefix(ids))
    own, (same,) = split.compared(final, [final], ids, smoothing=0.5, has_model=True)
    assert own is not None and torch.equal(own.nll, same.nll)
    assert same.kl is not None and float(same.kl.max()) == 0.0
    assert same.top1_agrees is not None and float(same.top1_agrees.min()) == 1.0


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_no_column_depends_on_the_chunk(
    folder: Path, ids: torch.Tensor, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = SplitModel(tiny_model(folder), HOOK)
    start = split.prefix(ids)
    final, other = split.suffix(start), split.suffix(0.7 * start)
    expected = split.compared(final, [other], ids, smoothing=0.1, has_model=True)
    monkeypatch.setattr(split, "_chunk", rows)
    found = split.compared(final, [other], ids, smoothing=0.1, has_model=True)
    for one, another in ((found[0], expected[0]), (found[1][0], expected[1][0])):
        assert one is not None and another is not None
        assert one.columns.keys() == another.columns.keys()
        for name, values in one.columns.items():
            torch.testing.assert_close(values, another.columns[name], atol=1e-5, rtol=1e-4)


@given(
    st.integers(2, 400),
    st.floats(0.001, 0.999),
    st.integers(0, 10**6),
    st.sampled_from([0.1, 3.0, 80.0]),
)
def test_kl_is_that_of_the_smoothed_predictions_and_within_its_range(
    vocab_size: int, smoothing: float, seed: int, spread: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(4, vocab_size, generator=generator) * spread for _ in range(2)]
    target = torch.zeros(4, 1, dtype=torch.int64)
    reference = predictions(logits[0].clone(), smoothing)
    found = compared(logits[1].clone(), target, reference).kl
    p, q = ((1 - smoothing) * x.double().softmax(-1) + smoothing / vocab_size for x in logits)
    expected = (p * (p / q).log2()).sum(-1)
    assert found is not None
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
    assert float(found.min()) >= 0.0
    assert float(expected.max()) <= largest_kl(vocab_size, smoothing) + 1e-12


def test_the_largest_divergence_is_reached_and_below_the_ceiling() -> None:
    smoothing, vocab_size = 0.5, 50257
    assert largest_kl(vocab_size, smoothing) == pytest.approx(7.808533, abs=1e-6)
    assert largest_kl(vocab_size, smoothing) == pytest.approx(
        (1 - smoothing) * loss_range(vocab_size, smoothing)
    )
    assert largest_kl(vocab_size, 0.01) < loss_ceiling(vocab_size, 0.01)
    certain = torch.full((2, vocab_size), -1e4)
    certain[0, 3] = certain[1, 4] = 1e4
    target = torch.tensor([[3]])
    reference = predictions(certain[:1].clone(), smoothing)
    found = compared(certain[1:].clone(), target, reference).kl
    assert found is not None
    assert float(found) == pytest.approx(largest_kl(vocab_size, smoothing), rel=1e-5)


def test_of_equals_the_first_is_on_top_and_an_equal_is_no_error() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    highest, first = first_highest(logits)
    assert highest.tolist() == [3.0, 2.0] and first.tolist() == [[1], [0]]
    own, reference = with_scores(logits.clone(), torch.tensor([[2], [3]]), 0.5)
    assert own.top1_error is not None and own.top1_error.tolist() == [0.0, 0.0]
    assert reference is not None
    proxy = torch.tensor([[0.0, 5.0, 5.0, 0.0], [1.0, 3.0, 1.0, 1.0]])
    found = compared(proxy, torch.tensor([[2], [3]]), reference)
    assert found.top1_agrees is not None and found.top1_agrees.tolist() == [1.0, 0.0]


@given(
    n_columns=st.sampled_from((1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17)),
    n_values=st.integers(1, 40),
    seed=st.integers(0, 10_000),
)
def test_the_highest_is_the_first_of_its_equals_wherever_blocks_end(
    n_columns: int, n_values: int, seed: int
) -> None:
    rng = torch.manual_seed(seed)
    values = torch.randint(0, n_values, (4, n_columns), generator=rng).float()
    highest, first = first_highest(values)
    assert torch.equal(highest, values.amax(-1))
    expected = [row.index(max(row)) for row in values.tolist()]
    assert first.squeeze(1).tolist() == expected


def test_bfloat16_logits_are_summed_in_float32(ids: torch.Tensor, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "model", torch.bfloat16)
    split = SplitModel(model, HOOK)
    start = split.prefix(ids)
    final, other = split.suffix(start), split.suffix(0.5 * start)
    logits = [split.logits(x[:, :-1].flatten(0, 1)).float() for x in (final, other)]
    _, (found,) = split.compared(final, [other], ids, smoothing=0.5, has_model=False)
    p, q = (0.5 * x.double().softmax(-1) + 0.5 / 500 for x in logits)
    assert found.kl is not None and found.kl.dtype == torch.float32
    torch.testing.assert_close(
        found.kl.double(), (p * (p / q).log2()).sum(-1), atol=1e-6, rtol=1e-4
    )
