"""A checkpoint that is not just its model's tensors is refused: nothing is filled in at random."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model_factory import model_folder
from safetensors.torch import load_file, save_file
from torch import Tensor

from semdim.errors import ConfigError, DataError, SemdimError
from semdim.models.checkpoint import check_files, check_finite, check_report, first, weight_files
from semdim.models.export import export_model
from semdim.models.spec import ModelSource

Weights = dict[str, Tensor]
MLP = "model.layers.1.mlp.down_proj.weight"


def changed(folder: Path, weights: Callable[[Weights], Weights], **config: Any) -> None:
    path = folder / "model.safetensors"
    save_file(weights(load_file(path)), path, metadata={"format": "pt"})
    written = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(written | config))


def refused(folder: Path, architecture: str, weights: Any, **config: Any) -> str:
    """What the export says; nothing is written."""
    model_folder(folder / "source", architecture)
    changed(folder / "source", weights, **config)
    with pytest.raises(SemdimError) as caught:
        export_model(ModelSource(kind="folder", path=str(folder / "source")), folder / "out")
    assert [path.name for path in folder.iterdir()] == ["source"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(w: Weights) -> Weights:
    return w


def without(*names: str) -> Callable[[Weights], Weights]:
    return lambda w: {key: value for key, value in w.items() if key not in names}


def prefixed(prefix: str) -> Callable[[Weights], Weights]:
    return lambda w: {prefix + key: value for key, value in w.items()}


def with_value(value: float) -> Callable[[Weights], Weights]:
    def change(w: Weights) -> Weights:
        w[MLP][3, 5] = value
        return w

    return change


@pytest.mark.parametrize(
    ("architecture", "weights", "config", "message"),
    [
        ("Llama", without("lm_head.weight"), {}, "lacks lm_head.weight,"),
        ("Gemma", without("model.embed_tokens.weight"), {}, "lacks lm_head.weight, model.embed_t"),
        ("Llama", without(MLP), {}, f"lacks {MLP},"),
        ("Llama", same, {"num_hidden_layers": 4}, "lacks model.layers.3.input_layernorm.weight"),
        ("Llama", same, {"num_hidden_layers": 2}, "holds model.layers.2.input_layernorm.weight"),
        ("Llama", same, {"num_hidden_layers": -1}, "num_hidden_layers = -1"),
        ("Llama", same, {"num_hidden_layers": 0}, "num_hidden_layers = 0"),
        ("Llama", prefixed("module."), {}, "it holds module.lm_head.weight, .* instead"),
        ("Llama", prefixed("_orig_mod."), {}, "it holds _orig_mod.lm_head.weight, .* instead"),
        ("Llama", lambda w: w | {"extra": torch.ones(3)}, {}, "holds extra, which its config.json"),
        ("Llama", same, {"vocab_size": 500}, r"lm_head.weight \(400×48 in the file, 500×48"),
        ("Llama", lambda w: {k: v.to(torch.int8) for k, v in w.items()}, {}, "as I8, which"),
        ("Llama", lambda w: w | {"layers.0.mlp.up_proj.weight": torch.ones(96, 48)}, {},
         "holds layers.0.mlp.up_proj.weight twice"),
        ("Llama", with_value(float("nan")), {}, f"NaN or infinite values in {MLP}"),
        ("Llama", with_value(float("-inf")), {}, f"NaN or infinite values in {MLP}"),
    ],
)  # fmt: skip
def test_weights_that_are_not_the_models_own_are_refused(
    tmp_path: Path, architecture: str, weights: Any, config: dict[str, Any], message: str
) -> None:
    assert re.search(message, refused(tmp_path, architecture, weights, **config))


def test_what_the_code_makes_itself_may_stand_in_a_checkpoint(tmp_path: Path) -> None:
    tables = {
        f"h.{layer}.attn.{name}": torch.ones(1, 1, 8, 8, dtype=torch.bool)
        for layer in range(7)
        for name in ("bias", "masked_bias")
    }
    sources = {
        "GPT2": lambda w: w | {"transformer." + name: mask for name, mask in tables.items()},
        "Llama": lambda w: w | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(6)},
    }
    for architecture, weights in sources.items():
        folder = tmp_path / architecture
        model_folder(folder, architecture)
        source, out = ModelSource(kind="folder", path=str(folder)), tmp_path / "out"
        before = export_model(source, out).fingerprint
        changed(folder, weights)
        assert export_model(source, out).fingerprint == before


def test_the_attention_biases_of_a_projection_are_no_mask() -> None:
    for name in ("model.layers.0.self_attn.q_proj.bias", "h.0.attn.c_attn.bias"):
        report = {"missing_keys": [], "mismatched_keys": [], "unexpected_keys": [name]}
        with pytest.raises(DataError, match=name):
            check_report(report, "x")


def test_files_that_an_index_lists_must_be_there_and_whole(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "m", "Llama")
    model.save_pretrained(tmp_path / "m", max_shard_size="50KB")
    (tmp_path / "m" / "model.safetensors").unlink(missing_ok=True)
    parts = weight_files(tmp_path / "m")
    assert len(parts) > 1
    check_files(tmp_path / "m")
    parts[1].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n")
    with pytest.raises(DataError, match=r"cannot be read as a whole safetensors file.*Git LFS"):
        check_files(tmp_path / "m")
    parts[1].unlink()
    with pytest.raises(DataError, match=f"lacks {parts[1].name}, which"):
        check_files(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors.index.json").write_text("[1]")
    with pytest.raises(DataError, match="cannot be read as the list of a checkpoint's files"):
        check_files(tmp_path / "m")


def test_finite_weights_pass_and_names_are_cut() -> None:
    check_finite({"w": torch.ones(3), "ids": torch.arange(3)}, "x")
    assert first({"c", "a", "b", "e", "d"}) == "a, b, c and 2 more"


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"model_type": "no-such-model"}', "null"])
def test_a_config_that_is_none_is_one_sentence(tmp_path: Path, content: str) -> None:
    model_folder(tmp_path / "m", "Llama")
    (tmp_path / "m" / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"cannot load the model in|cannot be read as"):
        export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
