"""What is shipped: unit-norm atoms, n_active on target, a folder that SAELens reads by itself."""

import json
import warnings

import pytest
import torch
from sae_lens import SAE

from semdim.errors import DataError
from semdim.training.finish import finished_sae
from semdim.training.quality import explained_variance, silent_atoms
from semdim.training.recalibrate import recalibrate
from tests.unit.training_factory import WIDTH, make_store, make_trainer

METADATA = {"model_name": "m", "hook_name": "blocks.1.hook_resid_pre", "context_size": 9}


def held_out():
    store = make_store(40)
    return torch.cat([store.shard(i) for i in range(store.n_shards)]).float()


def mean_n_active(sae, rows) -> float:
    with torch.no_grad():
        return float((sae.encode(rows) > 0).sum(dim=1).float().mean())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    # a fresh copy for each test: finishing folds in place
    def make(architecture="batchtopk"):
        folder = tmp_path_factory.mktemp("run")
        return make_trainer(folder, architecture=architecture, n_epochs=20).fit()

    return make


@pytest.mark.parametrize("architecture", ["batchtopk", "standard"])
def test_the_shipped_sae_is_on_target_after_rounding(trained, tmp_path, architecture):
    rows = held_out()
    returned = finished_sae(
        trained(architecture),
        tmp_path,
        held_out=rows,
        n_active=3.0,
        constant_n_active=False,
        metadata=METADATA,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sae = SAE.load_from_disk(tmp_path)
    assert sae.cfg.architecture() == "jumprelu"
    assert sae.W_dec.dtype == torch.float32
    assert mean_n_active(sae, rows) == pytest.approx(3.0, abs=0.02)
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(48), atol=1e-3, rtol=0)
    assert sae.cfg.normalize_activations == "none"
    assert sae.cfg.metadata.hook_name == METADATA["hook_name"]
    torch.testing.assert_close(returned.encode(rows), sae.encode(rows))
    json.loads((tmp_path / "cfg.json").read_text())


def test_folding_the_input_scale_leaves_the_reconstruction(trained, tmp_path):
    rows = held_out()
    sae = trained()
    scale = 1 / float(sae.W_dec.detach().norm(dim=1)[0])  # folded by fit
    finished = finished_sae(
        sae, tmp_path, held_out=rows, n_active=4.0, constant_n_active=False, metadata={}
    )
    assert scale != pytest.approx(1.0, abs=0.1), "nothing was folded"
    with torch.no_grad():
        error = (finished(rows) - rows).pow(2).sum(dim=1).double()
    everywhere = torch.ones(len(rows), dtype=torch.bool)
    assert explained_variance(rows, error, everywhere) > 0.8


def test_gated_and_topk_keep_their_architecture(trained, tmp_path):
    rows = held_out()
    for architecture in ("gated", "topk"):
        folder = tmp_path / architecture
        sae = finished_sae(
            trained(architecture),
            folder,
            held_out=rows,
            n_active=4.0,
            constant_n_active=architecture == "topk",
            metadata={},
        )
        assert sae.cfg.architecture() == architecture
        assert mean_n_active(sae, rows) == pytest.approx(4.0, abs=0.02)
        torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(48), atol=2e-3, rtol=0)


def test_a_gate_that_is_open_counts_only_where_the_magnitude_is_positive(trained, tmp_path):
    rows = held_out()
    sae = finished_sae(
        trained("gated"),
        tmp_path,
        held_out=rows,
        n_active=4.0,
        constant_n_active=False,
        metadata={},
    )
    with torch.no_grad():
        codes = sae.encode(rows)
        sae.b_mag -= codes[codes > 0].quantile(0.25)  # a quarter of the gates open over nothing
    before = mean_n_active(sae, rows)
    assert before == pytest.approx(3.0, abs=0.1)
    assert mean_n_active(recalibrate(sae, rows, n_active=2.0), rows) == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize("target", [1.0, 2.5, 7.0])
def test_recalibration_hits_its_target(trained, tmp_path, target):
    rows = held_out()
    sae = finished_sae(
        trained(), tmp_path, held_out=rows, n_active=4.0, constant_n_active=False, metadata={}
    )
    assert mean_n_active(recalibrate(sae, rows, n_active=target), rows) == pytest.approx(
        target, abs=1e-2 + 1 / len(rows)
    )


def test_a_target_that_cannot_be_reached_is_refused(trained, tmp_path):
    rows = held_out()
    sae = finished_sae(
        trained(), tmp_path, held_out=rows, n_active=4.0, constant_n_active=False, metadata={}
    )
    with pytest.raises(DataError, match=r"fewer than the 47\.9 wanted"):
        recalibrate(sae, rows, n_active=47.9)


def test_explained_variance_and_silent_atoms_by_hand():
    rows = torch.tensor([[0.0, 0.0], [2.0, 0.0], [100.0, 0.0]])
    where = torch.tensor([True, True, False])
    # variance 1 + 1 about the mean (1, 0); error 0.5 + 0
    error = torch.tensor([0.5, 0.0, 7.0], dtype=torch.float64)
    assert explained_variance(rows, error, where) == pytest.approx(0.75)

    class OneAtom:
        class cfg:
            d_sae = 4

        device = "cpu"

        def encode(self, x):
            codes = torch.zeros(len(x), 4)
            codes[0, 1] = 1.0
            return codes

    assert silent_atoms(OneAtom(), torch.zeros(3, WIDTH)) == 0.75
