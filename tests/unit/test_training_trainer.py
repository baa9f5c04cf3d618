"""The sparse step against dense autograd, and a trainer that survives a kill."""

import json

import pytest
import torch
from sae_lens.saes.sae import TrainStepInput

from semdim.errors import ArtifactError, DataError
from semdim.training.dictionary import new_dictionary
from semdim.training.spec import DictionarySpec
from tests.unit.training_factory import make_trainer


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def step(sae, x, dead=None):
    return sae.training_forward_pass(
        TrainStepInput(
            sae_in=x,
            coefficients={},
            dead_neuron_mask=dead,
            n_training_steps=0,
            is_logging_step=False,
        )
    )


def unit_sae(n_active=5.0, **changes):
    spec = DictionarySpec(dict_size=64, n_active=n_active, **changes)
    sae = new_dictionary(spec, d_model=24, metadata={}, seed=1, device="cpu")
    with torch.no_grad():
        sae.b_dec.normal_()
        sae.b_enc.normal_(std=0.3)
    return sae


def test_the_sparse_step_has_the_gradients_of_the_dense_one():
    sae, x = unit_sae(), torch.randn(50, 24, generator=torch.Generator().manual_seed(0))
    output = step(sae, x)
    output.loss.backward()
    mask = (output.feature_acts.to_dense() > 0).float()
    dense = {name: p.detach().clone().requires_grad_() for name, p in sae.named_parameters()}
    codes = ((x - dense["b_dec"]) @ dense["W_enc"] + dense["b_enc"]) * mask
    rebuilt = codes @ dense["W_dec"] + dense["b_dec"]
    loss = (rebuilt - x).pow(2).sum(-1).mean()
    loss.backward()
    torch.testing.assert_close(output.loss, loss, rtol=5e-3, atol=0)
    for name, p in sae.named_parameters():
        scale = float(dense[name].grad.abs().max())
        torch.testing.assert_close(p.grad, dense[name].grad, rtol=0, atol=0.01 * scale, msg=name)


def test_the_kept_codes_are_the_largest_of_the_batch():
    sae, x = unit_sae(), torch.randn(40, 24)
    for _ in range(3):  # the second and third call start from the floor of the one before
        output = step(sae, x)
        kept = output.feature_acts.to_dense()
        pre = output.hidden_pre.float()
        cut = pre.relu().flatten().topk(200).values.min()
        assert torch.equal(kept > 0, pre >= cut)
        x = x * 0.2  # a batch whose values are all far below the last threshold


def test_fewer_positive_values_than_wanted_are_all_kept():
    sae = unit_sae(n_active=60.0)
    with torch.no_grad():
        sae.b_enc.fill_(-0.5)
    output = step(sae, torch.randn(20, 24))
    assert torch.equal(output.feature_acts.to_dense() > 0, output.hidden_pre > 0)


def test_only_dead_atoms_get_the_gradient_of_the_auxiliary_loss():
    sae, x = unit_sae(), torch.randn(30, 24)
    dead = torch.zeros(64, dtype=torch.bool)
    dead[[3, 7]] = True
    with torch.no_grad():
        sae.b_enc[dead] = -50.0
    output = step(sae, x, dead)
    output.losses["auxiliary_reconstruction_loss"].backward()
    moved = sae.W_dec.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, dead)
    assert step(unit_sae(aux_coefficient=0.0), x, dead).losses["auxiliary_reconstruction_loss"] == 0


def test_training_explains_the_data_and_keeps_atoms_at_unit_norm(tmp_path):
    trainer = make_trainer(tmp_path, n_epochs=30)
    sae = trainer.fit()
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["explained_variance"] > 0.8 > log[0]["explained_variance"]
    # the input scale is folded into the decoder, which was at unit norm
    scale = 16**0.5 / trainer.batches.store.facts.mean_norm
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.full((48,), 1 / scale))
    assert sae.cfg.normalize_activations == "none"


class Killed(Exception):
    pass


def kill_after(trainer, n_steps: int) -> None:
    original = trainer._check

    def check(output):
        original(output)
        if trainer.n_training_steps + 1 == n_steps:
            raise Killed

    trainer._check = check


@pytest.mark.parametrize("architecture", ["batchtopk", "standard"])
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, architecture):
    whole = make_trainer(tmp_path / "whole", architecture=architecture).fit()
    broken = make_trainer(tmp_path / "broken", architecture=architecture, checkpoint_minutes=0.0)
    kill_after(broken, 17)  # a checkpoint after every step: the last is of step 16
    with pytest.raises(Killed):
        broken.fit()
    second = make_trainer(tmp_path / "broken", architecture=architecture)
    resumed = second.fit()
    assert second.n_training_steps == second.batches.n_steps
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_kill_between_two_checkpoints_leaves_the_older_one(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.fit()
    (tmp_path / "latest").rename(tmp_path / "old")  # killed between the two renames
    again = make_trainer(tmp_path)
    assert again.resume()
    assert again.n_training_steps == trainer.n_training_steps


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    make_trainer(tmp_path, fingerprint="a").fit()
    with pytest.raises(ArtifactError, match="another configuration"):
        make_trainer(tmp_path, fingerprint="b").fit()


def test_a_loss_that_becomes_nan_is_reported(tmp_path):
    trainer = make_trainer(tmp_path)
    with torch.no_grad():
        trainer.sae.W_dec[0, 0] = torch.nan
    with pytest.raises(DataError, match=r"loss became nan at step 1"):
        trainer.fit()


def test_a_time_limit_ends_the_run_with_the_decay_done(tmp_path):
    trainer = make_trainer(tmp_path, n_epochs=2000, max_minutes=1 / 60)
    trainer.fit()
    assert 0 < trainer.n_training_steps < trainer.batches.n_steps
    assert trainer.optimizer.param_groups[0]["lr"] < 0.1 * trainer.cfg.lr
