"""Pools: what is counted, how deep a token reaches, and what the loss owes to an atom."""

import numpy as np
import pytest
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.artifacts.memory import MemoryShards
from semdim.atoms.counts import count_atoms, shards
from semdim.atoms.gradient import batch_importance
from semdim.atoms.importance import ablation_importance
from semdim.atoms.rank import deepest_rank, select_rows
from semdim.codes.sparse import from_dense
from semdim.forward.split import SplitModel
from semdim.proxies.names import parse_proxy
from semdim.proxies.reconstruct import Reconstructor

DICT, D_MODEL, CONTEXT, VOCAB = 10, 8, 6, 23


def dense_codes(rows: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(rows, DICT, generator=generator)
    return torch.where(values > 0.6, values, torch.zeros(()))


@pytest.fixture(scope="module")
def split() -> SplitModel:
    config = HookedTransformerConfig(
        n_layers=2, d_model=D_MODEL, n_ctx=CONTEXT, d_head=4, n_heads=2, d_vocab=VOCAB,
        act_fn="gelu", normalization_type="LN", seed=1, device="cpu",
    )  # fmt: skip
    model = HookedTransformer(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.manual_seed(2)))
    return SplitModel(model.requires_grad_(False), "blocks.1.hook_resid_pre")


def artifact(name: str, parts: list[dict[str, torch.Tensor]]) -> MemoryShards:
    shards = MemoryShards(name, len(parts))
    for index, part in enumerate(parts):
        shards.write(index, part)
    return shards


def test_deepest_rank_is_the_rarest_atom_of_a_token() -> None:
    dense = torch.zeros(3, 4)
    dense[0, [1, 3]] = 1.0
    dense[1, 2] = 1.0
    order = torch.tensor([3, 2, 0, 1])  # ranks of atoms 0..3: 2 3 1 0
    assert deepest_rank(from_dense(dense), order).tolist() == [3, 1, -1]


def test_rows_are_selected_with_their_codes() -> None:
    dense = dense_codes(7)
    wanted = torch.tensor([True, False, True, True, False, False, True])
    assert torch.equal(select_rows(from_dense(dense), wanted).to_dense(), dense[wanted])


def test_atoms_are_counted_on_chosen_sequences_without_bos() -> None:
    dense = dense_codes(5 * CONTEXT)
    ids = torch.randint(1, VOCAB, (5, CONTEXT), generator=torch.manual_seed(0), dtype=torch.int32)
    ids[:, 0] = 0
    ids[3, 2] = 0  # BOS in mid-text
    chosen = torch.tensor([True, False, True, True, False])
    split_at = 3 * CONTEXT
    codes = artifact("codes", [from_dense(part).tensors() for part in dense.split(split_at)])
    counts = count_atoms(shards(ids, chosen, codes, DICT, 0), DICT)
    mask = (chosen[:, None] & (ids != 0)).flatten()
    assert torch.equal(counts, (dense[mask] > 0).sum(0))


def true_rise(
    split: SplitModel, weight: torch.Tensor, bias: torch.Tensor, activation: torch.Tensor,
    dense: torch.Tensor, ids: torch.Tensor, is_bos: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Loss without each atom, minus the loss with it: one forward pass per atom."""

    def loss(codes: torch.Tensor) -> torch.Tensor:
        rebuilt = (codes @ weight + bias).view_as(activation)
        start = torch.where(is_bos[..., None], activation, rebuilt)
        return split.next_token(split.suffix(start), ids).nll.double().sum()

    whole = loss(dense)
    rises = []
    for atom in range(DICT):
        without = dense.clone()
        without[:, atom] = 0.0
        rises.append(loss(without) - whole)
    return torch.stack(rises)


def test_importance_estimates_what_ablation_costs(split: SplitModel) -> None:
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(1, VOCAB, (4, CONTEXT), generator=generator, dtype=torch.int32)
    ids[:, 0] = 0
    is_bos = ids == 0
    activation = split.prefix(ids).clone()
    weight = torch.nn.functional.normalize(torch.randn(DICT, D_MODEL, generator=generator), dim=1)
    dense = 0.05 * dense_codes(4 * CONTEXT)  # small, so that first order is nearly all
    bias = activation.flatten(0, 1).mean(0)
    reconstruct = Reconstructor(parse_proxy("sae"), weight, bias, seed=0)
    estimate = batch_importance(split, reconstruct, activation, from_dense(dense), ids, is_bos)
    truth = true_rise(split, weight, bias, activation, dense, ids, is_bos)
    assert np.corrcoef(estimate, truth)[0, 1] > 0.99
    torch.testing.assert_close(estimate, truth, atol=0.05 * truth.abs().max().item(), rtol=0.2)

    codes = artifact("codes", [from_dense(dense).tensors()])
    cached = artifact("activations", [{"activation": activation}])
    everything = torch.ones(4, dtype=torch.bool)
    moved: list[int] = []
    whole = ablation_importance(
        split, reconstruct, shards(ids, everything, codes, DICT, 0, cached),
        batch_sequences=3, update=moved.append,
    )  # fmt: skip
    torch.testing.assert_close(whole * 4 * (CONTEXT - 1), estimate, atol=1e-5, rtol=1e-4)
    assert sum(moved) == ids.numel()
