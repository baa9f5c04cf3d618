"""The whole recipe on the tiny untrained model: from text files to an SAE with its card."""

import json
import warnings
from pathlib import Path

import pytest
import torch
import yaml
from sae_lens import SAE

from semdim.errors import ArtifactError, DataError
from semdim.models.tiny import standard_library_text
from semdim.training.params import compose_training, read_training_settings
from semdim.training.run import train_sae

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Forty documents of 60 lines each."""
    folder = tmp_path_factory.mktemp("text")
    lines = [line for line in standard_library_text() if len(line) > 20]
    for index in range(40):
        (folder / f"{index}.txt").write_text("".join(lines[60 * index : 60 * index + 60]))
    return folder


def settings(text, *overrides):
    params = yaml.safe_load(
        compose_training(
            ROOT / "conf",
            [
                "training/run=tiny",
                "text.kind=files",
                f"text.path={text}",
                "~text.text_column",
                "tracking.mode=disabled",
                "engine.device=cpu",
                "data.n_tokens=9000",
                *overrides,
            ],
        )
    )
    params["corpora"] = {"check": {"kind": "files", "path": str(text), "n_tokens": 640}}
    params["certificate"] = {}
    return read_training_settings(params)


def test_the_recipe_ends_with_a_measured_sae_and_its_card(text, tmp_path):
    said: list[str] = []
    record = train_sae(settings(text), tmp_path, said.append)
    folder = tmp_path / "models/sae/tiny"
    sae = SAE.load_from_disk(folder)
    assert (sae.cfg.d_in, sae.cfg.d_sae, sae.cfg.architecture()) == (48, 128, "jumprelu")
    assert sae.cfg.metadata.hook_name == "blocks.1.hook_resid_post"
    measures = record["measures"]["check"]
    # measured on the training text itself, so the calibrated mean carries over
    assert measures["mean_n_active"] == pytest.approx(8.0, rel=0.15)
    assert 0.2 < measures["explained_variance"] < 1.0
    assert abs(measures["signed_gap"]) <= measures["abs_gap"]
    theirs = record["saelens"]["check"]  # all 20 sequences: run_evals must agree with us
    assert theirs["n_tokens"] == measures["n_tokens"]
    assert theirs["l0"] == pytest.approx(measures["mean_n_active"], rel=1e-4)
    assert theirs["explained_variance"] == pytest.approx(
        measures["explained_variance_with_outliers"], abs=1e-4
    )
    # They leave out the prediction at BOS, which the splice does not change: 30 of 31.
    assert 30 / 31 * (theirs["loss_with_sae"] - theirs["loss"]) == pytest.approx(
        -measures["signed_gap"], rel=1e-3
    )
    assert record["measures"]["held out"]["n_documents"] == record["n_documents_held_out"]
    card = (folder / "README.md").read_text()
    for expected in ("training/run=tiny", "128 atoms", f"{measures['abs_gap']:.4g}", "Limits"):
        assert expected in card
    assert json.loads((tmp_path / "outputs/training/tiny/training.json").read_text()) == record
    assert "windows" in said[0] and "steps" in said[1]

    weights = (folder / "sae_weights.safetensors").read_bytes()
    again = train_sae(settings(text), tmp_path, said.append)  # from shards and checkpoint
    assert (folder / "sae_weights.safetensors").read_bytes() == weights
    assert again["n_steps"] == record["n_steps"]

    with pytest.raises(ArtifactError, match="another configuration"):
        train_sae(settings(text, "optimiser.batch_tokens=128"), tmp_path, said.append)
    with pytest.raises(ArtifactError, match="another configuration"):
        train_sae(settings(text, "seed=1"), tmp_path, said.append)


def test_runs_that_differ_in_the_dictionary_alone_share_the_activations(text, tmp_path):
    shards = lambda: sorted(tmp_path.glob("outputs/training/activations/*/*.safetensors"))  # noqa: E731
    train_sae(settings(text), tmp_path, lambda _: None)
    before = {path: path.stat().st_mtime_ns for path in shards()}
    assert before
    train_sae(settings(text, "name=wider", "dictionary.dict_size=192"), tmp_path, lambda _: None)
    assert {path: path.stat().st_mtime_ns for path in shards()} == before


def test_a_dictionary_can_start_from_another_one(text, tmp_path):
    train_sae(settings(text), tmp_path, lambda _: None)
    latest = tmp_path / "outputs/training/tiny/latest"
    second = settings(
        text, f"+dictionary.start_from={latest}", "name=second", "+optimiser.learning_rate=1e-12"
    )
    record = train_sae(second, tmp_path, lambda _: None)
    first, moved = (SAE.load_from_disk(tmp_path / "models/sae" / n) for n in ("tiny", "second"))
    torch.testing.assert_close(first.W_dec, moved.W_dec, atol=2e-3, rtol=0)
    assert record["measures"]["check"]["explained_variance"] > 0.2
    with pytest.raises(ArtifactError, match="no checkpoint to start from"):
        train_sae(
            settings(text, f"+dictionary.start_from={text}", "name=third"), tmp_path, lambda _: None
        )


def test_a_text_of_its_own_sets_the_threshold(text, tmp_path):
    rare = tmp_path / "rare"
    rare.mkdir()
    (rare / "a.txt").write_text("q zx qj vw " * 300)
    plain = train_sae(settings(text), tmp_path, lambda _: None)
    other = settings(
        text,
        "name=other",
        "+calibration.kind=files",
        f"+calibration.path={rare}",
        "+calibration.n_tokens=128",
    )
    moved = train_sae(other, tmp_path, lambda _: None)
    before, after = (r["measures"]["check"]["mean_n_active"] for r in (plain, moved))
    assert abs(after - before) > 0.2, "the threshold did not follow the calibration text"


def test_constant_sparsity_is_allowed_with_a_warning(text, tmp_path):
    with pytest.warns(UserWarning, match="uncertainty study will be empty"):
        train_sae(settings(text, "+dictionary.architecture=topk"), tmp_path, lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sae = SAE.load_from_disk(tmp_path / "models/sae/tiny")
    assert sae.cfg.architecture() == "topk"


def test_too_little_text_is_refused(text, tmp_path):
    with pytest.raises(DataError, match="fewer than the mixing buffer"):
        train_sae(settings(text, "data.buffer_shards=50"), tmp_path, lambda _: None)
    with pytest.raises(DataError):
        train_sae(settings(text, "data.n_tokens=90000000"), tmp_path, lambda _: None)
