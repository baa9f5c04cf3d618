"""A setting of an SAE that its loader drops is refused when it can change a number."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sae_factory import D_IN, DICT_SIZE, METADATA, sae_folder
from safetensors.torch import load_file, save_file

from semdim.errors import MismatchError
from semdim.saes.dropped import HARMLESS, RENAMED, check_nothing_dropped
from semdim.saes.export import export_sae
from semdim.saes.spec import SAESource

OLD = METADATA | {
    "architecture": "standard", "d_in": D_IN, "d_sae": DICT_SIZE, "apply_b_dec_to_input": True,
    "normalize_activations": "none", "dtype": "torch.float32", "device": "cuda",
    "activation_fn_str": "relu", "activation_fn_kwargs": {}, "finetuning_scaling_factor": False,
    "hook_layer": 1, "hook_head_index": None, "l1_coefficient": 8.0, "lr": 3e-4, "noise": 0.0,
    "sae_lens_training_version": "3.20.0", "dataset_path": "x", "wandb_id": None,
}  # fmt: skip


def old_folder(folder: Path, architecture: str = "standard", **changes: Any) -> SAESource:
    """An SAE whose cfg.json is one of before SAELens 6."""
    sae_folder(folder, architecture, unit=True)
    (folder / "cfg.json").write_text(json.dumps(OLD | changes))
    return SAESource(kind="folder", path=str(folder))


def test_an_old_configuration_is_taken_as_it_is(tmp_path: Path) -> None:
    facts = export_sae(old_folder(tmp_path / "sae"), tmp_path / "out")
    assert (facts.architecture, facts.hook_name) == ("standard", METADATA["hook_name"])


@pytest.mark.filterwarnings("ignore:.*TopK SAE")
def test_an_old_topk_is_one_by_its_activation_function(tmp_path: Path) -> None:
    topk = {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 8}}
    facts = export_sae(old_folder(tmp_path / "sae", "topk", **topk), tmp_path / "out")
    assert facts.architecture == "topk"


@pytest.mark.parametrize(
    "change",
    [
        {"activation_fn_str": "tanh-relu"},
        {"activation_fn_str": "topk"},  # of how many, nothing says
        {"activation_fn_kwargs": {"k": 8}},
        {"activation_fn": "gelu"},
        {"finetuning_scaling_factor": True},
        {"hook_head_index": 3},
        {"input_scaling": 0.5},
        {"normalise_output": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_saelens_drops_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    key, value = next(iter(change.items()))
    with pytest.raises(MismatchError) as caught:
        export_sae(old_folder(tmp_path / "sae", **change), tmp_path / "out")
    assert f"{key} = {value!r}, which SAELens drops" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_scaling_of_each_atom_is_refused_with_what_to_do(tmp_path: Path, named: bool) -> None:
    source = old_folder(tmp_path / "sae", finetuning_scaling_factor=named)
    weights = tmp_path / "sae" / "sae_weights.safetensors"
    save_file(load_file(weights) | {"scaling_factor": torch.full((DICT_SIZE,), 1.5)}, weights)
    with pytest.raises(MismatchError, match=r"scaling_factor for each atom.*rows of W_dec"):
        export_sae(source, tmp_path / "out")


def test_a_setting_of_today_is_looked_at_as_well(tmp_path: Path) -> None:
    sae_folder(tmp_path / "sae", "jumprelu")
    path = tmp_path / "sae" / "cfg.json"
    written = json.loads(path.read_text())
    written["metadata"]["anything"] = "is a note"
    path.write_text(json.dumps(written))
    export_sae(SAESource(kind="folder", path=str(tmp_path / "sae")), tmp_path / "out")
    path.write_text(json.dumps(written | {"activation_fn": "tanh-relu"}))
    with pytest.raises(MismatchError, match="activation_fn = 'tanh-relu', which SAELens drops"):
        export_sae(SAESource(kind="folder", path=str(tmp_path / "sae")), tmp_path / "out")


def loaded(**settings: Any) -> Any:
    base = {"normalize_activations": "none", "apply_b_dec_to_input": True}
    return SimpleNamespace(architecture=lambda: "standard", **base | settings)


@pytest.mark.parametrize(
    ("stored", "there"),
    [
        ({"normalize_activations": True}, {"normalize_activations": "expected_average_only_in"}),
        ({"normalize_activations": False}, {}),
        ({"normalize_activations": None}, {}),
        ({"architecture": "standard", "apply_b_dec_to_input": True}, {}),
    ],
)
def test_values_that_are_written_again_are_the_same(
    stored: dict[str, Any], there: dict[str, Any]
) -> None:
    check_nothing_dropped(stored, loaded(**there), "x")


@pytest.mark.parametrize(
    "stored",
    [
        {"normalize_activations": True},
        {"apply_b_dec_to_input": False},
        {"architecture": "gated"},
    ],
    ids=str,
)
def test_a_value_that_is_not_what_was_loaded_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(MismatchError, match="loaded as"):
        check_nothing_dropped(stored, loaded(), "x")


def test_nothing_harmless_is_among_what_decides_the_codes() -> None:
    deciding = {
        "architecture", "activation_fn", "activation_fn_kwargs", "k", "threshold", "d_in", "d_sae",
        "normalize_activations", "apply_b_dec_to_input", "finetuning_scaling_factor",
        "reshape_activations", "rescale_acts_by_decoder_norm", "hook_head_index", "scaling_factor",
    }  # fmt: skip
    assert HARMLESS.isdisjoint(deciding) and set(RENAMED.values()) - {"hook_name"} <= deciding
