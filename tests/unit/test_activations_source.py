"""Activations computed again give what stored ones give, to the bit, and leave none on the disk."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.activations.norms import OUTLIER_RATIO, cache_norms, familiar_activations
from semdim.activations.source import RecomputedActivations
from semdim.artifacts.folder import FolderPlace
from semdim.artifacts.memory import MemoryShards
from semdim.artifacts.protocols import ShardSource
from semdim.artifacts.shards import Artifact, ShardWriter
from semdim.errors import ArtifactError, DataError
from semdim.forward.split import SplitModel
from semdim.ledger.collect import base_parts, further_parts
from semdim.ledger.table import LedgerWriter, build_table, read_table
from semdim.saes.load import Decoder
from semdim.steps import Steps
from semdim.uncertainty.activation_scores import (
    COLUMNS,
    TokenShards,
    fit_activations,
    score_activations,
)
from semdim.uncertainty.spec import UncertaintySpec

VOCAB, CONTEXT, D_MODEL, DICT, SHARD = 61, 12, 16, 40, 4
PROXIES = ("model", "sae", "topk_3", "random_decoder")
PART = {"random_decoder": 6}  # sequences: up to the middle of the second of three shards


def nothing(_: int) -> None:
    return None


class Encoder:
    """Random atoms, a threshold, k varies by token."""

    weight = torch.nn.functional.normalize(
        torch.randn(DICT, D_MODEL, generator=torch.Generator().manual_seed(5)), dim=1
    )
    bias = torch.full((D_MODEL,), 0.05)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        pre = (x - self.bias) @ self.weight.T
        return torch.where(pre > 0.8, pre, torch.zeros(()))


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def split(request: pytest.FixtureRequest) -> SplitModel:
    config = HookedTransformerConfig(
        n_layers=3, d_model=D_MODEL, n_ctx=CONTEXT, d_head=4, n_heads=4, d_vocab=VOCAB,
        act_fn="gelu", normalization_type="LN", seed=1, device="cpu", dtype=request.param,
    )  # fmt: skip
    model = HookedTransformer(config)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=torch.manual_seed(2))
            parameter.add_(0.3 * noise.to(request.param))
    return SplitModel(model.requires_grad_(False), "blocks.1.hook_resid_pre")


@pytest.fixture(scope="module")
def token_ids() -> torch.Tensor:
    ids = torch.randint(1, VOCAB, (11, CONTEXT), generator=torch.manual_seed(3), dtype=torch.int32)
    ids[:, 0] = 0
    return ids


def writer(folder: Path, name: str, n_shards: int = 3) -> ShardWriter:
    return FolderPlace(folder).sink(name, n_shards)


def computed_again(
    folder: Path, split: SplitModel, token_ids: torch.Tensor
) -> RecomputedActivations:
    return RecomputedActivations(
        split, token_ids, shard_sequences=SHARD, batch_sequences=3, folder=folder / "activations"
    )


def pipeline(
    folder: Path, split: SplitModel, token_ids: torch.Tensor, stored: bool
) -> tuple[ShardSource, Path]:
    """Tokens to ledger on disk, as the stages do it; returns the activations and the ledger."""
    encoder = Encoder()
    steps = Steps(
        split,
        encoder,
        Decoder(encoder.weight, encoder.bias),
        token_ids,
        FolderPlace(folder),
        bos_token_id=0,
        atom_order=torch.arange(DICT),
        batch_sequences=3,
        shard_sequences=SHARD,
        is_stored=stored,
    )
    assert steps.n_shards == 3
    steps.cache_activations()
    steps.encode_codes()
    # Stored, each proxy is a run of its own; computed again, one pass serves all of them.
    for together in [[name] for name in PROXIES] if stored else [PROXIES]:
        steps.compute_losses(together, n_sequences=PART)
    ledger = LedgerWriter(folder / "ledger.parquet")
    codes = steps.collect(PROXIES, np.arange(11, dtype=np.int32) // 2, ledger.append)
    ledger.finish(asdict(codes))
    return steps.activations(), ledger.path


def test_the_ledger_is_the_same_to_the_byte(
    tmp_path: Path, split: SplitModel, token_ids: torch.Tensor
) -> None:
    stored, ledger = pipeline(tmp_path / "stored", split, token_ids, True)
    again, other = pipeline(tmp_path / "again", split, token_ids, False)
    assert ledger.read_bytes() == other.read_bytes()
    assert isinstance(again, RecomputedActivations) and isinstance(stored, Artifact)
    table, facts = read_table(ledger)
    assert len(table) == token_ids.numel() and table["n_active"].std() > 0
    assert {f"nll_{name}" for name in PROXIES} <= set(table.columns)
    inside = table["position"] < CONTEXT - 1
    for name in PROXIES:
        there = inside & (table["sequence"] < PART.get(name, 11))
        assert (table[f"nll_{name}"].notna() == there).all()
    assert facts["mean_n_active"] == table.loc[table["position"] > 0, "n_active"].mean()
    # On disk: norms and a flag, no activation.
    (shard, *_) = Artifact.open(tmp_path / "again" / "activations")
    assert set(shard) == {"norm", "is_outlier", "centred_norm"}
    assert list((tmp_path / "again" / "partial").iterdir()) == []


def test_both_sources_give_the_same_tensors_and_shapes(
    tmp_path: Path, split: SplitModel, token_ids: torch.Tensor
) -> None:
    stored, _ = pipeline(tmp_path, split, token_ids, True)
    again = computed_again(tmp_path, split, token_ids)
    assert len(stored) == len(again) == 3
    for index, (left, right) in enumerate(zip(stored, again, strict=True)):
        assert torch.equal(left["activation"], right["activation"])
        shape = again.shape(index, "activation")
        assert shape == stored.shape(index, "activation") == tuple(left["activation"].shape)
    (last,) = again.ahead([2])
    assert torch.equal(last["activation"], stored.read(2)["activation"])


def test_scores_from_activations_do_not_ask_where_they_come_from(
    tmp_path: Path, split: SplitModel, token_ids: torch.Tensor
) -> None:
    stored, _ = pipeline(tmp_path, split, token_ids, True)
    spec = UncertaintySpec(n_clusters=2, neighbour_tokens=50, neighbour=2)
    chosen = np.ones(tuple(token_ids.shape), dtype=bool)
    chosen[:, 0] = False
    found = []
    for source in (stored, computed_again(tmp_path, split, token_ids)):
        tokens = TokenShards(source, chosen)
        fit = fit_activations(tokens, spec, 0)
        found.append(score_activations(fit, TokenShards(source, np.ones_like(chosen))))
    for name in COLUMNS:
        assert np.array_equal(found[0][name], found[1][name])


def test_norms_resume_where_they_were_killed(
    tmp_path: Path,
    split: SplitModel,
    token_ids: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline(tmp_path / "whole", split, token_ids, False)
    source, reads = computed_again(tmp_path, split, token_ids), []
    read = source.read

    def dying(index: int) -> dict[str, torch.Tensor]:
        reads.append(index)
        if len(reads) in (3, 6):  # in the first pass, then in the second
            raise KeyboardInterrupt
        return read(index)

    monkeypatch.setattr(source, "read", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            cache_norms(source, writer(tmp_path, "activations"), update=nothing)
    shards, counted = writer(tmp_path, "activations"), []
    cache_norms(source, shards, update=counted.append)
    assert reads == [0, 1, 2, 2, 0, 1, 1, 2]
    assert sum(counted) == 2 * token_ids.numel()  # two passes, whatever was there
    shards.publish({"stored": False})
    for left, right in zip(
        Artifact.open(tmp_path / "activations"),
        Artifact.open(tmp_path / "whole" / "activations"),
        strict=True,
    ):
        assert all(torch.equal(left[name], right[name]) for name in right)


class Counted(MemoryShards):
    """Shards in memory that count how often each is read."""

    def __init__(self, shards: list[torch.Tensor]) -> None:
        super().__init__("activations", len(shards))
        self.reads = [0] * len(shards)
        for index, shard in enumerate(shards):
            self.write(index, {"activation": shard})

    def read(self, index: int) -> dict[str, torch.Tensor]:
        self.reads[index] += 1
        return super().read(index)


@pytest.mark.parametrize("loud", [1.0, 8.0], ids=["shards alike", "one shard far above the rest"])
def test_the_mean_leaves_out_exactly_the_outliers(loud: float) -> None:
    """In the second case too few rows of the loud shard were kept, and it is read once more."""
    values = torch.randn(9, 30, 5, generator=torch.manual_seed(0))
    values[:, 0] = 1000.0
    values[2, 3] = values[7, 8] = 80.0
    values[6:] *= loud
    source = Counted(list(values.split(3)))
    reference = familiar_activations(source)
    norm = values.norm(dim=-1)
    limit = OUTLIER_RATIO * norm[:, 1:].median()
    regular = norm <= limit
    regular[:, 0] = False
    assert not bool(regular[2, 3]) and not bool(regular[7, 8])
    torch.testing.assert_close(reference.mean, values[regular].mean(dim=0), atol=1e-6, rtol=1e-5)
    assert source.reads == [1, 1, 1 + (loud > 1)]
    columns = reference.columns(values)
    assert torch.equal(columns["is_outlier"], norm > limit)
    torch.testing.assert_close(columns["centred_norm"], (values - reference.mean).norm(dim=-1))


def test_an_overflow_is_named_when_it_is_computed_again(
    split: SplitModel, token_ids: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = computed_again(tmp_path, split, token_ids)
    prefix = split.prefix
    monkeypatch.setattr(split, "prefix", lambda ids: prefix(ids) * float("inf"))
    with pytest.raises(DataError, match="sequences 4 to 7"):
        source.read(1)


def test_a_ledger_in_parts_is_the_ledger_in_one_piece(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 9, (10, 4)).astype(np.int32)
    document = np.arange(10, dtype=np.int32) // 3
    norm, nll = rng.random((10, 4)), rng.random((10, 3))
    whole = build_table(ids, document, {"norm": norm}, {"nll_model": nll}, {"model": "m"})
    ledger = LedgerWriter(tmp_path / "a.parquet", rows=20)
    for start in range(0, 10, 3):
        part = slice(start, start + 3)
        ledger.append(
            build_table(
                ids[part], document[part], {"norm": norm[part]}, {"nll_model": nll[part]}, None,
                first=start,
            )
        )  # fmt: skip
        assert not (tmp_path / "a.parquet").exists()
    ledger.finish({"model": "m"})
    table, facts = read_table(tmp_path / "a.parquet")
    assert table.equals(whole.to_pandas()) and facts == {"model": "m"}
    assert ledger.n_rows == 40 and pq.read_metadata(ledger.path).num_row_groups == 2
    with pytest.raises(ArtifactError, match="no rows"):
        LedgerWriter(tmp_path / "b.parquet").finish({})


def test_artifacts_of_other_samples_make_no_ledger(
    tmp_path: Path, split: SplitModel, token_ids: torch.Tensor
) -> None:
    pipeline(tmp_path, split, token_ids, True)
    place = FolderPlace(tmp_path)
    codes, activations = place.source("codes"), place.source("activations")
    losses = {"model": place.source("losses/model")}
    with pytest.raises(ArtifactError, match="12"):
        more = torch.cat([token_ids, token_ids[:1]])
        list(base_parts(more, activations, codes, losses, bos_token_id=0))
    with pytest.raises(ArtifactError, match="more than 8 sequences, but the tokens have 10"):
        list(base_parts(token_ids[:10], activations, codes, losses, bos_token_id=0))
    shards = MemoryShards("other", 2)
    for index in range(2):  # a shard that is not the last one lacks a sequence
        shards.write(index, {"nll": torch.ones(3, CONTEXT - 1)})
    losses["sae"] = shards
    with pytest.raises(ArtifactError, match="not computed on the sample's tokens"):
        list(base_parts(token_ids, activations, codes, losses, bos_token_id=0))
    with pytest.raises(ArtifactError, match="not computed on the sample's tokens"):
        list(further_parts(token_ids, codes, {"sae": shards}, torch.arange(DICT)))
    with pytest.raises(ArtifactError, match="proxy 'model'"):
        list(base_parts(token_ids, activations, codes, {}, bos_token_id=0))
