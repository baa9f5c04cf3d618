"""Exporting an SAE: the same reconstruction from raw input, unit-norm atoms, linear decoding."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from model_factory import files_of
from sae_factory import D_IN, DICT_SIZE, METADATA, activations, random_sae, sae_folder

from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.models.spec import WeightProcessing
from semdim.saes import export
from semdim.saes.export import export_sae
from semdim.saes.facts import read_facts
from semdim.saes.load import load_decoder, load_sae
from semdim.saes.spec import SAESource

RANDOM = {
    "kind": "random",
    "model_name": "m",
    "hook_name": "blocks.0.hook_resid_pre",
    "d_in": 64,
    "dict_size": 512,
    "activation_norm": 16.0,
    "mean_n_active": 40.0,
    "seed": 1,
}


def folder_source(tmp_path: Path, **settings: object) -> SAESource:
    return SAESource(kind="folder", path=str(tmp_path / "sae"), **settings)  # type: ignore[arg-type]


def close(ours: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((ours - expected).norm() / expected.norm() < 1e-5)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "gated", "topk"])
@pytest.mark.parametrize("scale", [None, 0.2138], ids=["raw", "scaled"])
@pytest.mark.parametrize("bias_to_input", [True, False], ids=["minus-bias", "no-bias"])
@pytest.mark.filterwarnings("ignore:.*TopK SAE")
def test_the_export_reconstructs_what_the_original_does(
    tmp_path: Path, architecture: str, scale: float | None, bias_to_input: bool
) -> None:
    settings: dict[str, object] = {"apply_b_dec_to_input": bias_to_input}
    if scale is not None:
        settings["normalize_activations"] = "expected_average_only_in"
    if architecture == "topk":
        settings["rescale_acts_by_decoder_norm"] = True
    original = sae_folder(tmp_path / "sae", architecture, **settings)
    x, factor = activations(), scale or 1.0
    facts = export_sae(folder_source(tmp_path, input_scale=scale), tmp_path / "out")
    sae, decoder = load_sae(tmp_path / "out"), load_decoder(tmp_path / "out")
    with torch.no_grad():
        expected = original(x * factor) / factor
        codes = sae.encode(x)
        assert close(codes @ decoder.weight + decoder.bias, expected)
        assert close(sae(x), expected)
        assert torch.equal(codes > 0, original.encode(x * factor) > 0)
    assert torch.allclose(decoder.weight.norm(dim=1), torch.ones(DICT_SIZE), atol=1e-6)
    assert 0 < (codes > 0).sum(-1).float().mean() < DICT_SIZE
    assert facts.input_scale == pytest.approx(factor)
    assert facts.apply_b_dec_to_input == bias_to_input
    assert facts.architecture == architecture


@pytest.mark.filterwarnings("ignore:\\s*This SAE has non-empty")
def test_facts_come_from_the_metadata(tmp_path: Path) -> None:
    metadata = METADATA | {
        "mean_n_active": 59.4,
        "vocab_size": 1000,
        "model_from_pretrained_kwargs": {"center_writing_weights": True, "n_devices": 1},
    }
    sae_folder(tmp_path / "sae", "jumprelu", metadata=metadata)
    facts = export_sae(folder_source(tmp_path), tmp_path / "out")
    assert (facts.d_in, facts.dict_size) == (D_IN, DICT_SIZE)
    assert (facts.hook_name, facts.hook_layer, facts.start_layer) == (METADATA["hook_name"], 1, 2)
    assert (facts.prepend_bos, facts.context_size, facts.model_name) == (True, 64, "gpt2-small")
    assert (facts.mean_n_active, facts.vocab_size) == (59.4, 1000)
    assert facts.processing == WeightProcessing(center_writing_weights=True)
    assert not facts.constant_n_active
    assert read_facts(tmp_path / "out") == facts


def test_what_the_metadata_leave_open_stays_open(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu", metadata={"hook_name": "blocks.3.hook_resid_pre"})
    facts = export_sae(folder_source(tmp_path), tmp_path / "out")
    assert (facts.prepend_bos, facts.context_size, facts.model_name) == (None, None, None)
    assert (facts.mean_n_active, facts.start_layer) == (None, 3)
    assert facts.processing == WeightProcessing()


def test_the_fingerprint_follows_weights_and_settings(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    first = export_sae(folder_source(tmp_path), tmp_path / "out")
    again = export_sae(folder_source(tmp_path, name="other"), tmp_path / "b")
    assert again.fingerprint == first.fingerprint
    config = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    config["metadata"]["hook_name"] = "blocks.2.hook_resid_post"
    (tmp_path / "sae" / "cfg.json").write_text(json.dumps(config))
    assert export_sae(folder_source(tmp_path), tmp_path / "c").fingerprint != first.fingerprint
    sae = random_sae("jumprelu")
    sae.W_enc.data[0, 0] += 1e-3
    sae.save_model(tmp_path / "sae")
    assert export_sae(folder_source(tmp_path), tmp_path / "d").fingerprint != first.fingerprint


def test_an_unchanged_export_is_left_alone_and_a_damaged_one_mended(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    out = tmp_path / "out"
    facts = export_sae(folder_source(tmp_path), out)
    before, time = files_of(out), (out / "sae_weights.safetensors").stat().st_mtime_ns
    assert export_sae(folder_source(tmp_path), out) == facts
    assert (out / "sae_weights.safetensors").stat().st_mtime_ns == time
    damaged = bytearray(before["sae_weights.safetensors"])
    damaged[-2] ^= 0x40
    (out / "sae_weights.safetensors").write_bytes(damaged)
    export_sae(folder_source(tmp_path), out)
    assert files_of(out) == before


def test_a_source_whose_files_changed_is_exported_again(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    first = export_sae(folder_source(tmp_path), tmp_path / "out")
    sae = random_sae("jumprelu")
    sae.W_enc.data[0, 0] += 1e-3
    sae.save_model(tmp_path / "sae")
    again = export_sae(folder_source(tmp_path), tmp_path / "out")
    assert again.fingerprint != first.fingerprint
    assert read_facts(tmp_path / "out") == again


def test_an_export_of_an_export_changes_nothing(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    first = export_sae(folder_source(tmp_path), tmp_path / "out")
    again = export_sae(SAESource(kind="folder", path=str(tmp_path / "out")), tmp_path / "again")
    x = activations()
    with torch.no_grad():
        assert close(load_sae(tmp_path / "again")(x), load_sae(tmp_path / "out")(x))
    assert again.hook_name == first.hook_name


def test_nothing_half_written_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    monkeypatch.setattr(export, "write_facts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_sae(folder_source(tmp_path), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["sae"]


def test_a_topk_sae_is_taken_with_a_warning(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "topk", unit=True)
    with pytest.warns(UserWarning, match="uncertainty study will be empty"):
        facts = export_sae(folder_source(tmp_path), tmp_path / "out")
    assert facts.constant_n_active


def test_exporting_follows_saelens_advice_instead_of_printing_it(tmp_path: Path) -> None:
    metadata = METADATA | {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sae_folder(tmp_path / "sae", "jumprelu", metadata=metadata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export_sae(folder_source(tmp_path), tmp_path / "out")
        load_sae(tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalize_activations": "layer_norm"}, "normalises each token's input"),
        ({"normalize_activations": "constant_norm_rescale"}, "normalises each token's input"),
        ({"normalize_activations": "expected_average_only_in"}, "set `input_scale`"),
        ({"normalize_activations": "covariance_whitening"}, "folded into its weights"),
        ({"metadata": {"model_name": "gpt2"}}, "name no hook point"),
        ({"metadata": METADATA | {"hook_name": "blocks.1.hook_mlp_out"}}, "not supported"),
        ({"metadata": METADATA | {"hook_name": "blocks.1.hook_resid_mid"}}, "not supported"),
        (
            {"metadata": METADATA | {"model_from_pretrained_kwargs": {"revision": "step100"}}},
            r"\{'revision': 'step100'\}, which semdim cannot do",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:\\s*This SAE has non-empty")
def test_what_cannot_be_used_exactly_is_refused(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    sae_folder(tmp_path / "sae", "jumprelu", **settings)
    with pytest.raises(MismatchError, match=message):
        export_sae(folder_source(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_attention_head_saes_are_refused(tmp_path: Path) -> None:
    metadata = METADATA | {"hook_name": "blocks.1.attn.hook_z"}
    sae_folder(tmp_path / "sae", "standard", metadata=metadata, reshape_activations="hook_z")
    with pytest.raises(MismatchError, match="reads attention heads"):
        export_sae(folder_source(tmp_path), tmp_path / "out")


def test_a_scale_that_is_not_wanted_is_refused(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    with pytest.raises(MismatchError, match="does not scale its input"):
        export_sae(folder_source(tmp_path, input_scale=0.5), tmp_path / "out")


def test_a_topk_sae_whose_norms_decide_nothing_is_refused(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "topk")
    with pytest.raises(MismatchError, match="chooses atoms before its decoder norms"):
        export_sae(folder_source(tmp_path), tmp_path / "out")


@pytest.mark.parametrize("architecture", ["transcoder", "abstopk"])
def test_architectures_that_do_not_decode_linearly_are_refused(
    tmp_path: Path, architecture: str
) -> None:
    extra = {"k": 4}
    if architecture == "transcoder":
        extra = {"d_out": D_IN, "apply_b_dec_to_input": False}
    sae_folder(tmp_path / "sae", architecture, **extra)
    with pytest.raises(MismatchError, match=f"architecture '{architecture}'"):
        export_sae(folder_source(tmp_path), tmp_path / "out")


def test_a_training_checkpoint_is_named_as_one(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    config = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    (tmp_path / "sae" / "cfg.json").write_text(json.dumps(config | {"architecture": "batchtopk"}))
    with pytest.raises(MismatchError, match=r"'batchtopk'.*save_inference_model"):
        export_sae(folder_source(tmp_path), tmp_path / "out")


@pytest.mark.parametrize(
    ("value", "message"), [(float("nan"), "NaN or infinite values in W_dec"), (0.0, "1 atoms of")]
)
def test_unusable_weights_are_refused(tmp_path: Path, value: float, message: str) -> None:
    sae = random_sae("jumprelu")
    sae.W_dec.data[5] = value
    sae.save_model(tmp_path / "sae")
    with pytest.raises(MismatchError, match=message):
        export_sae(folder_source(tmp_path), tmp_path / "out")


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "standard")
    config = json.loads((tmp_path / "sae" / "cfg.json").read_text())
    (tmp_path / "sae" / "cfg.json").write_text(json.dumps(config | {"architecture": "jumprelu"}))
    with pytest.raises(MismatchError, match="SAELens cannot load the SAE"):
        export_sae(folder_source(tmp_path), tmp_path / "out")


def test_missing_files_and_releases_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cfg\.json is missing"):
        export_sae(folder_source(tmp_path), tmp_path / "out")
    release = SAESource(kind="release", release="gpt2-smal-res-jb", sae_id="x")
    with pytest.raises(ConfigError, match="near matches are gpt2-small-res-jb"):
        export_sae(release, tmp_path / "out")
    hook = "blocks.6.hook_resid_pst"
    wrong = SAESource(kind="release", release="gpt2-small-res-jb", sae_id=hook)
    with pytest.raises(ConfigError, match=r"near matches are .*blocks\.6\.hook_resid_pre"):
        export_sae(wrong, tmp_path / "out")


def test_a_damaged_export_is_not_read(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    out = tmp_path / "out"
    with pytest.raises(ArtifactError, match=r"facts\.json is missing"):
        load_decoder(out)
    export_sae(folder_source(tmp_path), out)
    (out / "sae_weights.safetensors").write_bytes(b"rubbish")
    for load in (load_sae, load_decoder):
        with pytest.raises(ArtifactError, match="cannot be read as the weights of an SAE"):
            load(out)
    random_sae("jumprelu").save_model(out)
    with pytest.raises(ArtifactError, match="unit norm"):
        load_decoder(out)


def test_the_random_sae_has_about_the_asked_number_of_active_atoms(tmp_path: Path) -> None:
    facts = export_sae(SAESource.from_mapping(RANDOM), tmp_path / "out")
    h = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
    h *= 16 / h.norm(dim=1, keepdim=True)
    with torch.no_grad():
        n_active = (load_sae(tmp_path / "out").encode(h) > 0).sum(1).float()
    assert abs(float(n_active.mean()) - 40) < 2
    assert n_active.std() > 3
    assert facts.mean_n_active == 40.0
    export_sae(SAESource.from_mapping(RANDOM), tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "folder"}, "sae.path is missing"),
        ({"kind": "folder", "path": "x", "sae_id": "y"}, "sae.sae_id = 'y' must be left out"),
        ({"kind": "release", "release": "x"}, "sae.sae_id is missing"),
        (
            {"kind": "folder", "path": "x", "input_scale": 0.0},
            "input_scale = 0.0 must be",
        ),
        ({"kind": "folder", "path": "x", "layer": 3}, "has no setting 'layer'"),
        (
            RANDOM | {"mean_n_active": 512.0},
            "mean_n_active = 512.0 must lie between",
        ),
        (RANDOM | {"dict_size": "many"}, "dict_size = 'many' must be a whole number"),
    ],
)
def test_contradicting_sources_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SAESource.from_mapping(settings)


def test_an_sae_that_is_not_accepted_leaves_what_is_there(tmp_path: Path) -> None:
    export_sae(SAESource.from_mapping(RANDOM), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def refuse(facts: object) -> None:
        raise MismatchError("not this one")

    with pytest.raises(MismatchError, match="not this one"):
        export_sae(SAESource.from_mapping(RANDOM | {"seed": 2}), tmp_path / "out", accept=refuse)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    with pytest.raises(MismatchError):
        export_sae(SAESource.from_mapping(RANDOM), tmp_path / "new", accept=refuse)
    assert not (tmp_path / "new").exists()
