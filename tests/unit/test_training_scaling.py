"""What a dictionary sees: maps that put no direction above the others, and fold away at the end."""

import math

import pytest
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

from semdim.errors import ConfigError
from semdim.forward.split import SplitModel
from semdim.training.finish import finished_sae
from semdim.training.quality import explained_variance
from semdim.training.scaling import input_scaler, loss_sensitivity
from semdim.training.spec import DictionarySpec
from tests.unit.training_factory import WIDTH, Counting, make_store, make_trainer

LOUD = 3  # the dimension that drowns the others


class Lopsided(Counting):
    """As `Counting`, with one dimension a thousand times as wide, and unlike the rest random."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.table[1] /= 100
        self.table[:, LOUD] = 3000 * torch.randn(len(self.table), generator=generator)


def rows_of(store) -> torch.Tensor:
    return torch.cat([store.shard(i) for i in range(store.n_shards)]).float()


@pytest.mark.parametrize("kind", ["per_dimension", "sensitivity", "whitened"])
def test_the_mapped_sample_is_centred_and_of_norm_root_d(kind):
    rows = rows_of(make_store(40, prefix=Lopsided()))
    weight = torch.linspace(0.5, 2, WIDTH)
    seen = input_scaler(kind, rows, float(rows.norm(dim=1).mean()), weight)(rows.double())
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(WIDTH).double(), atol=1e-6, rtol=0)
    assert float(seen.pow(2).sum(dim=1).mean()) == pytest.approx(WIDTH, rel=0.01)


def test_each_map_is_what_its_name_says():
    rows = rows_of(make_store(40, prefix=Lopsided()))
    unit = input_scaler("per_dimension", rows, 1.0, None)(rows.double()).std(dim=0)
    torch.testing.assert_close(unit, torch.ones(WIDTH).double(), atol=0.01, rtol=0)
    covariance = torch.cov(input_scaler("whitened", rows, 1.0, None)(rows.double()).T)
    torch.testing.assert_close(covariance, torch.eye(WIDTH).double(), atol=1e-4, rtol=0)
    weight = torch.linspace(0.5, 2, WIDTH)
    weighted = input_scaler("sensitivity", rows, 1.0, weight)(rows.double())
    ratio = weighted.std(dim=0) / (rows.double().std(dim=0) * weight)
    torch.testing.assert_close(ratio, ratio[:1].expand(WIDTH))


def test_a_dimension_that_never_varies_does_not_blow_up():
    rows = rows_of(make_store(40))
    rows[:, 5] = 2.0
    for kind in ("per_dimension", "whitened"):
        assert input_scaler(kind, rows, 1.0, None)(rows.double()).abs().max() < 100


@pytest.mark.parametrize("kind", ["scaled", "per_dimension", "whitened"])
def test_the_map_folds_away(kind, tmp_path):
    store = make_store(40)
    rows = rows_of(store)
    trained = make_trainer(tmp_path / "run", store=store, n_epochs=20, input=kind).fit()
    sae = finished_sae(
        trained,
        tmp_path / "sae",
        held_out=rows,
        n_active=4.0,
        constant_n_active=False,
        metadata={},
    )
    assert sae.cfg.normalize_activations == "none"
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(48), atol=1e-3, rtol=0)
    with torch.no_grad():
        codes = sae.encode(rows)
        error = (sae.decode(codes) - rows).pow(2).sum(dim=1).double()
    assert float((codes > 0).sum(dim=1).float().mean()) == pytest.approx(4.0, abs=0.05)
    assert explained_variance(rows, error, torch.ones(len(rows), dtype=torch.bool)) > 0.8


def test_a_loud_dimension_no_longer_drowns_the_others(tmp_path):
    quiet = {}
    for kind in ("scaled", "per_dimension"):
        store = make_store(40, prefix=Lopsided())
        rows = rows_of(store)
        trained = make_trainer(tmp_path / kind, store=store, n_epochs=20, input=kind).fit()
        sae = finished_sae(
            trained,
            tmp_path / f"sae_{kind}",
            held_out=rows,
            n_active=4.0,
            constant_n_active=False,
            metadata={},
        )
        others = [i for i in range(WIDTH) if i != LOUD]
        with torch.no_grad():
            error = (sae(rows) - rows)[:, others].pow(2).sum(dim=1).double()
        every = torch.ones(len(rows), dtype=torch.bool)
        quiet[kind] = explained_variance(rows[:, others], error, every)
    assert quiet["per_dimension"] > quiet["scaled"] + 0.2, quiet


def test_the_sensitivity_is_needed():
    with pytest.raises(ConfigError, match="sensitivity needs the gradient"):
        input_scaler("sensitivity", torch.randn(50, WIDTH), 1.0)


def test_the_sensitivity_is_that_of_small_errors():
    """Finite differences of the summed loss, one dimension at one position at a time."""
    model = HookedTransformer(
        HookedTransformerConfig(
            n_layers=2, d_model=8, n_ctx=6, d_head=4, n_heads=2, d_vocab=31, act_fn="gelu",
            normalization_type="LN", device="cpu", dtype=torch.float64, seed=3,
        )
    )  # fmt: skip
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(2)))
    split = SplitModel(model.eval().requires_grad_(False), "blocks.1.hook_resid_pre")
    ids = torch.randint(0, 31, (11, 6), generator=torch.manual_seed(1))
    found = loss_sensitivity(split, ids)
    start = split.prefix(ids)

    def losses(activation):  # bits, summed over the predictions of each sequence; in float64
        log_p = split.logits(split.suffix(activation)[:, :-1].flatten(0, 1)).log_softmax(dim=-1)
        return -log_p.view(11, 5, -1).gather(2, ids[:, 1:, None]).sum(dim=(1, 2)) / math.log(2)

    squares = torch.zeros(8, dtype=torch.float64)
    for position in range(1, 6):
        for dimension in range(8):
            moved = [start.clone(), start.clone()]
            for sign, copy in zip((1e-4, -1e-4), moved, strict=True):
                copy[:, position, dimension] += sign
            slope = (losses(moved[0]) - losses(moved[1])) / 2e-4
            squares[dimension] += slope.pow(2).sum()
    torch.testing.assert_close(found, (squares / (11 * 5)).sqrt(), rtol=1e-3, atol=1e-6)


def test_an_unknown_input_is_refused():
    with pytest.raises(ConfigError, match="scaled, per_dimension, sensitivity, whitened"):
        DictionarySpec(dict_size=48, n_active=4.0, input="cubed")
