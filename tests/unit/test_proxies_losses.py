"""Losses: the same as the paper's procedure (two full passes with hooks), whatever the batch."""

import math
from pathlib import Path

import pytest
import torch
from oracles import pytorch_ood
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.activations.cache import check_finite
from semdim.activations.norms import familiar_activations
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryShards
from semdim.artifacts.shards import Artifact
from semdim.codes.encode import codes_of_shard
from semdim.codes.sparse import from_dense
from semdim.errors import ArtifactError, DataError, MismatchError
from semdim.forward.split import (
    CHUNK_BYTES,
    ROWS_PER_CHUNK,
    SplitModel,
    rows_per_chunk,
    rows_per_sum,
)
from semdim.proxies.losses import LossColumn, ModelItself, compute_losses
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor
from semdim.saes.load import Decoder
from semdim.steps import Steps
from semdim.tokens.sample import bos_mask, check_token_ids

HOOK = "blocks.1.hook_resid_pre"
VOCAB, CONTEXT, D_MODEL, DICT = 61, 12, 16, 40


@pytest.fixture(scope="module")
def model() -> HookedTransformer:
    config = HookedTransformerConfig(
        n_layers=3, d_model=D_MODEL, n_ctx=CONTEXT, d_head=4, n_heads=4, d_vocab=VOCAB,
        act_fn="gelu", normalization_type="LN", seed=1, device="cpu", output_logits_soft_cap=9.0,
    )  # fmt: skip
    built = HookedTransformer(config)
    with torch.no_grad():  # the default initialisation is too small to make losses differ
        for parameter in built.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(2)))
    return built.eval().requires_grad_(False)


class Encoder:
    """A ReLU encoder with a threshold, so that k varies by token."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.weight = torch.nn.functional.normalize(
            torch.randn(DICT, D_MODEL, generator=generator), dim=1
        )
        self.bias = 0.1 * torch.randn(D_MODEL, generator=generator)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        pre = (x - self.bias) @ self.weight.T
        return torch.where(pre > 0.8, pre, torch.zeros(()))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture(scope="module")
def token_ids() -> torch.Tensor:
    ids = torch.randint(1, VOCAB, (11, CONTEXT), generator=torch.manual_seed(3), dtype=torch.int32)
    ids[:, 0] = 0
    ids[4, 7] = 0  # BOS in mid-text
    return ids


def run(
    folder: Path,
    model: HookedTransformer,
    encoder: Encoder,
    token_ids: torch.Tensor,
    name: str,
    *,
    splice: str = "no_bos",
    batch: int = 3,
) -> dict[str, torch.Tensor]:
    """The pipeline's three steps on disk, and all losses of one proxy."""
    place = FolderPlace(folder)
    steps = Steps(
        SplitModel(model, HOOK),
        encoder,
        Decoder(encoder.weight, encoder.bias),
        token_ids,
        place,
        bos_token_id=0,
        splice=splice,
        batch_sequences=batch,
        shard_sequences=4,
    )
    steps.cache_activations()
    steps.encode_codes()
    steps.compute_losses([name])
    read = list(place.source(f"losses/{name}"))
    return {key: torch.cat([shard[key] for shard in read]) for key in read[0]}


def plain(
    model: HookedTransformer,
    encoder: Encoder,
    token_ids: torch.Tensor,
    splice: str | None,
    top: int | None = None,
) -> torch.Tensor:
    """The paper's procedure: one sequence at a time, full forward passes, dense codes."""

    def replace(activation: torch.Tensor, hook: object) -> torch.Tensor:
        codes = encoder.encode(activation)
        if top is not None:
            values, atoms = codes.topk(top, dim=-1)
            codes = torch.zeros_like(codes).scatter_(-1, atoms, values)
        rebuilt = codes @ encoder.weight + encoder.bias
        if splice == "no_bos":
            rebuilt[:, passed] = activation[:, passed]
        return rebuilt

    losses = []
    for ids in token_ids.long():
        passed = (ids == 0).nonzero().squeeze(1)
        hooks = [] if splice is None else [(HOOK, replace)]
        logits = model.run_with_hooks(ids[None], fwd_hooks=hooks)
        log_p = logits.log_softmax(-1)[0, :-1]
        losses.append(-log_p.gather(1, ids[1:, None]).squeeze(1) / math.log(2))
    return torch.stack(losses)


@pytest.mark.parametrize(
    ("name", "splice", "top"),
    [
        ("model", None, None),
        ("sae", "no_bos", None),
        ("sae_all", "all", None),
        ("topk_3", "no_bos", 3),
    ],
)
def test_losses_are_those_of_two_full_passes(
    tmp_path: Path,
    model: HookedTransformer,
    encoder: Encoder,
    token_ids: torch.Tensor,
    name: str,
    splice: str | None,
    top: int | None,
) -> None:
    ours = run(tmp_path, model, encoder, token_ids, name)["nll"]
    theirs = plain(model, encoder, token_ids, splice, top)
    assert ours.shape == (11, CONTEXT - 1)
    assert (ours - theirs).abs().max() < 1e-4
    if name != "model":
        assert (theirs - plain(model, encoder, token_ids, None)).abs().mean() > 0.1


@pytest.mark.parametrize(
    "hook",
    ["blocks.0.hook_resid_pre", HOOK, "blocks.1.hook_resid_post", "blocks.2.hook_resid_post"],
)
def test_prefix_and_suffix_are_the_full_forward(
    model: HookedTransformer, token_ids: torch.Tensor, hook: str
) -> None:
    """To the bit where both multiply alike; with packed weights, which some processors sum in
    another order, to rounding. After the last block the suffix is empty."""
    split, expected = SplitModel(model, hook), model(token_ids.long())
    with torch.inference_mode():
        activation = split.backend.prefix(token_ids.long(), split.start_layer)
        logits = split.run_logits(split.run_suffix(activation).flatten(0, 1))
    assert torch.equal(logits.view_as(expected), expected)
    packed = split.logits(split.suffix(split.prefix(token_ids)).flatten(0, 1))
    torch.testing.assert_close(packed.view_as(expected), expected, atol=1e-5, rtol=1e-5)


def test_a_chunk_of_logits_is_bounded_by_rows_on_a_cpu_and_by_bytes_elsewhere() -> None:
    assert rows_per_chunk("cpu", 256_000) == rows_per_chunk("cpu", 100) == ROWS_PER_CHUNK
    assert rows_per_chunk("cuda", 50_257) * 50_257 * 4 <= CHUNK_BYTES
    assert rows_per_chunk("cuda", 50_257) > 2000 > rows_per_chunk("cuda", 256_000) > 500
    assert [rows_per_sum(n) for n in (768, 49_152, 1_000_000)] == [256, 4, 1]
    assert rows_per_chunk("cuda", 2**40) == ROWS_PER_CHUNK


@pytest.mark.parametrize("rows", [1, 5, 1000])
def test_no_loss_depends_on_the_chunk(
    model: HookedTransformer,
    token_ids: torch.Tensor,
    rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split = SplitModel(model, HOOK)
    residual = split.suffix(split.prefix(token_ids))
    expected = split.next_token(residual, token_ids, scores=True)
    monkeypatch.setattr(split, "_chunk", rows)
    found = split.next_token(residual, token_ids, scores=True)
    for name in ("nll", "max_prob", "entropy", "energy"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("name", ["model", "sae", "random_decoder"])
def test_no_result_depends_on_the_batch(
    tmp_path: Path, model: HookedTransformer, encoder: Encoder, token_ids: torch.Tensor, name: str
) -> None:
    one = run(tmp_path / "1", model, encoder, token_ids, name, batch=1)
    all_at_once = run(tmp_path / "64", model, encoder, token_ids, name, batch=64)
    for key, values in one.items():
        torch.testing.assert_close(values, all_at_once[key], atol=2e-5, rtol=1e-5)


def test_scores_of_the_model_are_those_of_its_logits(
    tmp_path: Path, model: HookedTransformer, encoder: Encoder, token_ids: torch.Tensor
) -> None:
    ours = run(tmp_path, model, encoder, token_ids, "model")
    logits = model(token_ids.long())[:, :-1]
    p = logits.softmax(-1)
    torch.testing.assert_close(ours["max_prob"], p.amax(-1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours["entropy"], -(p * p.log2()).sum(-1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours["energy"], -logits.logsumexp(-1), atol=1e-5, rtol=1e-5)
    # Somebody else's scores: minus the largest probability, entropy in nats, the same energy.
    flat = logits.flatten(0, 1)
    for key, module, detector, scale in (
        ("max_prob", "softmax", "MaxSoftmax", -1.0),
        ("entropy", "entropy", "Entropy", 1 / math.log(2)),
        ("energy", "energy", "EnergyBased", 1.0),
    ):
        theirs = getattr(pytorch_ood(module), detector)(None).predict_logits(flat) * scale
        torch.testing.assert_close(ours[key].flatten(), theirs, atol=1e-4, rtol=1e-4)


def test_codes_on_disk_are_those_of_the_encoder(
    tmp_path: Path, model: HookedTransformer, encoder: Encoder, token_ids: torch.Tensor
) -> None:
    run(tmp_path, model, encoder, token_ids, "sae")
    activation = SplitModel(model, HOOK).prefix(token_ids).flatten(0, 1)
    dense = encoder.encode(activation)
    shards = list(Artifact.open(tmp_path / "codes"))
    ours = torch.cat([codes_of_shard(shard, DICT).to_dense() for shard in shards])
    torch.testing.assert_close(ours, dense, atol=1e-5, rtol=1e-5)
    assert 1 < from_dense(dense).n_active.float().mean() < DICT - 1
    error = torch.cat([shard["reconstruction_error"] for shard in shards])
    rebuilt = dense @ encoder.weight + encoder.bias
    torch.testing.assert_close(error, (activation - rebuilt).norm(dim=1), atol=1e-4, rtol=1e-4)
    radius = torch.cat([shard["reconstruction_norm"] for shard in shards])
    torch.testing.assert_close(radius, rebuilt.norm(dim=1), atol=1e-4, rtol=1e-4)


def test_position_0_and_outliers_are_kept_out_of_the_mean() -> None:
    activation = torch.randn(5, 6, 3, generator=torch.manual_seed(0))
    activation[:, 0] = 1000.0
    activation[2, 3] = -500.0
    shards = MemoryShards("activations", 2)
    shards.write(0, {"activation": activation[:3]})
    shards.write(1, {"activation": activation[3:]})
    reference = familiar_activations(shards)
    columns = reference.columns(activation)
    outliers = torch.zeros(5, 6, dtype=torch.bool)
    outliers[:, 0] = outliers[2, 3] = True
    assert torch.equal(columns["is_outlier"], outliers)
    mean = activation[~outliers].mean(0)
    torch.testing.assert_close(reference.mean, mean)
    torch.testing.assert_close(columns["centred_norm"], (activation - mean).norm(dim=-1))


def test_bos_is_masked_at_position_0_and_wherever_its_id_stands() -> None:
    ids = torch.tensor([[5, 1, 0], [0, 2, 2]])
    assert bos_mask(ids, 0).tolist() == [[True, False, True], [True, False, False]]


@pytest.mark.parametrize("wrong", [-1, VOCAB])
def test_ids_outside_the_vocabulary_are_refused(wrong: int) -> None:
    ids = torch.zeros(2, 3, dtype=torch.int32)
    ids[1, 2] = wrong
    with pytest.raises(DataError, match=f"{wrong} at sequence 1, position 2"):
        check_token_ids(ids, VOCAB, "the sample")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_overflow_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match="compute_dtype=float32"):
        check_finite(torch.tensor([0.0, bad]), "a test")


@pytest.mark.parametrize("hook", ["blocks.3.hook_resid_pre", "blocks.9.hook_resid_post"])
def test_a_layer_that_is_not_there_is_refused(model: HookedTransformer, hook: str) -> None:
    with pytest.raises(MismatchError, match="numbered 0 to 2"):
        SplitModel(model, hook)


@pytest.mark.parametrize("hook", ["blocks.0.mlp.hook_post", "hook_embed", ""])
def test_a_hook_off_the_residual_stream_is_refused(model: HookedTransformer, hook: str) -> None:
    with pytest.raises(MismatchError, match="residual stream"):
        SplitModel(model, hook)


def test_codes_of_other_tokens_are_refused(
    tmp_path: Path, model: HookedTransformer, encoder: Encoder, token_ids: torch.Tensor
) -> None:
    run(tmp_path / "a", model, encoder, token_ids, "sae")
    run(tmp_path / "b", model, encoder, token_ids[:4], "sae")
    proxy = Reconstructor(parse_proxy("sae"), encoder.weight, encoder.bias, seed=0)
    writer = MemoryShards("x", 3)
    activations = Artifact.open(tmp_path / "a" / "activations")
    with pytest.raises(ArtifactError, match="hold different tokens"):
        compute_losses(
            SplitModel(model, HOOK), [LossColumn(proxy, writer)], token_ids, activations,
            Artifact.open(tmp_path / "b" / "codes"),
            bos_token_id=0, batch_sequences=3, model=ModelItself(0.5), update=lambda _: None,
        )  # fmt: skip
