"""At export the two halves are compared with transformers: a setting that is dropped is refused."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from model_factory import VOCABULARY, gemma_tokenizer, model_folder

from semdim.errors import MismatchError
from semdim.forward.architecture import ARCHITECTURES
from semdim.forward.backend import load_backend
from semdim.models.agreement import (
    ROUNDINGS,
    TOLERANCE,
    check_agreement,
    compared_length,
    evaluate,
    largest_difference,
    rows,
    sequences,
)
from semdim.models.export import export_model
from semdim.models.load import load_model
from semdim.models.spec import ModelSource, WeightProcessing
from semdim.models.tokenizer import load_tokenizer
from semdim.models.unusual import likely_cause, reach, window

SHARED = {
    "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "initializer_range": 0.1, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
THETA = {"rope_theta": 10000.0}
YARN = THETA | {
    "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
}
LONG = THETA | {
    "original_max_position_embeddings": 64,
    "rope_scaling": {"type": "longrope", "short_factor": [1.1] * 8, "long_factor": [4.0] * 8},
}
SLIDING = {
    "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0,
    "layer_types": ["sliding_attention"] * 3,
}  # fmt: skip
PLAIN: Any = {"dtype": torch.float32, "device": "cpu", "processing": WeightProcessing()}
QWEN3, FULL = {"head_dim": 16}, {"sliding_window": None}


def write_model(folder: Path, kind: str, settings: dict[str, Any], change: dict[str, Any]) -> None:
    """A random model of this kind; `change` is written into its config.json as on the hub."""
    base = {k: v for k, v in SHARED.items() if kind != "GPTNeoX" or k != "num_key_value_heads"}
    text = "Text" if kind == "Gemma3" else ""
    config = getattr(transformers, f"{kind}{text}Config")(**base | settings)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = getattr(transformers, f"{kind}ForCausalLM")(config)
        for weight in model.parameters():
            if weight.dim() == 1:  # norms and biases, where mistakes hide
                weight.data += 0.2 * torch.randn_like(weight)
    model.save_pretrained(folder)
    gemma_tokenizer(folder)
    if change:
        written = json.loads((folder / "config.json").read_text())
        written.pop("rope_parameters", None)
        (folder / "config.json").write_text(json.dumps(written | change))


@pytest.mark.parametrize(
    ("kind", "settings", "change", "cause"),
    [
        ("Qwen2", {}, YARN, "rope_type = yarn"),
        ("Qwen2", SLIDING, {}, "sliding_window = 8"),
        ("Qwen3", QWEN3 | {"attention_bias": True}, {}, "attention_bias = True"),
        ("Mistral", FULL, YARN, "rope_type = yarn"),
        ("Phi3", FULL, LONG, "rope_type = longrope"),
        ("GPTNeoX", {}, {"rotary_emb_base": 500, "rotary_pct": 0.25}, "rope_theta = 500"),
        ("Gemma", QWEN3 | {"attention_bias": True}, {}, "attention_bias = True"),
        ("Gemma3", QWEN3 | {"final_logit_softcapping": 3.0}, {}, "final_logit_softcapping = 3.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_back_end_that_drops_a_setting_is_refused_by_name(
    tmp_path: Path, kind: str, settings: dict[str, Any], change: dict[str, Any], cause: str
) -> None:
    write_model(tmp_path / "m", kind, settings, change)
    facts = export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    assert list(facts.refused) == ["transformer_lens"]
    with pytest.raises(MismatchError, match="end transformer_lens") as caught:
        load_model(tmp_path / "out")
    assert cause in str(caught.value)
    assert float(re.findall(r"by up to ([\d.]+)", str(caught.value))[0]) > 0.1
    load_backend("transformers", tmp_path / "out", **PLAIN)


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The transformers back end without architectures, until this is undone."""
    assert len(list(ARCHITECTURES)) > 5  # all modules are imported: none registers itself later
    monkeypatch.setattr(ARCHITECTURES, "_entries", {})
    return monkeypatch


def test_a_back_end_that_learns_an_architecture_runs_what_was_exported_before(
    tmp_path: Path, nothing_known: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "m", "Llama", {}, {})
    facts = export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    assert not facts.refused
    with pytest.raises(MismatchError, match="not support the architecture Llama"):
        load_backend("transformers", tmp_path / "out", **PLAIN)
    nothing_known.undo()
    load_backend("transformers", tmp_path / "out", **PLAIN)


def test_a_model_that_no_back_end_runs_is_not_exported(
    tmp_path: Path, nothing_known: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "m", "Mistral", FULL, YARN)
    with pytest.raises(MismatchError, match="rope_type = yarn"):
        export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Qwen2", {}), ("Qwen3", QWEN3), ("Mistral", FULL | QWEN3), ("Phi3", FULL), ("GPTNeoX", {}),
        ("Mistral", QWEN3 | {"sliding_window": 8}), ("Gemma", QWEN3),
    ],
)  # fmt: skip
def test_plain_models_agree(tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    write_model(tmp_path / "m", kind, settings, {})
    facts = export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    assert facts.compared_tokens == 64 and not facts.refused


def test_bfloat16_sources_are_compared_in_float32_and_stay_bfloat16(tmp_path: Path) -> None:
    model = model_folder(tmp_path / "m", "Llama")
    model.bfloat16().save_pretrained(tmp_path / "m")
    export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    from safetensors.torch import load_file

    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("settings", "n_context", "context", "expected"),
    [
        ({}, 1000, None, 128),
        ({"sliding_window": 4096}, 32768, None, 4129),
        ({"sliding_window": 4096}, 2048, None, 2048),
        ({"sliding_window": 4096}, 32768, 128, 128),  # at this length it is no window
        ({"sliding_window": 4096}, 32768, 8000, 8000),
        ({"sliding_window": 4096, "use_sliding_window": False}, 32768, None, 128),
        ({"sliding_window": 512, "layer_types": ["full_attention"]}, 32768, None, 128),
        ({"sliding_window": 512, "layer_types": ["sliding_attention"]}, 32768, None, 545),
        ({"window_size": 256, "attention_layers": ["global", "local"]}, 2048, None, 289),
        ({"rope_parameters": {"original_max_position_embeddings": 300}}, 2048, None, 333),
    ],
)
def test_the_length_reaches_past_any_window_that_the_run_meets(
    settings: dict[str, Any], n_context: int, context: int | None, expected: int
) -> None:
    assert compared_length(SimpleNamespace(**settings), n_context, context) == expected


def test_windows_and_causes_of_real_classes() -> None:
    assert window(transformers.MistralConfig()) == 4096
    assert window(transformers.Qwen2Config()) is None
    assert window(transformers.Gemma3TextConfig()) == reach(transformers.Gemma3TextConfig())
    assert "nothing unusual" in likely_cause(transformers.LlamaConfig())
    odd = likely_cause(transformers.LlamaConfig(mlp_bias=True, hidden_act="gelu"))
    assert odd == "The likely cause is one of: mlp_bias = True; hidden_act = gelu."


@pytest.mark.parametrize("length", [2, 128, 129, 500, 4129])
def test_rows_are_positions_and_hold_the_last_33(length: int) -> None:
    found = rows(length)
    assert len(found) == min(length, 128) == len(set(found.tolist()))
    assert found.tolist() == sorted(found.tolist()) and found[0] == 0
    assert set(range(max(0, length - 33), length)) <= set(found.tolist())


def test_sequences_are_text_and_noise_without_what_is_no_text(tmp_path: Path) -> None:
    model_folder(tmp_path / "m", "Llama", vocab_size=512)
    export_model(ModelSource(kind="folder", path=str(tmp_path / "m")), tmp_path / "out")
    tokenizer, excluded = load_tokenizer(tmp_path / "out"), {0, 1, 2, 3, *range(VOCABULARY, 512)}
    found = sequences(tokenizer, 512, bos_token_id=2, excluded=excluded, length=200)
    assert found.shape == (2, 200) and found[:, 0].tolist() == [2, 2]
    assert excluded.isdisjoint(found[1, 1:].tolist()) and len(set(found[1].tolist())) > 100
    assert "argument" in tokenizer.decode(found[0])  # the first module is argparse
    again = sequences(tokenizer, 512, bos_token_id=2, excluded=excluded, length=200)
    assert np.array_equal(found, again)


def check(difference: float, rounding: float) -> float:
    theirs = [torch.zeros(2, 3)]
    ours = [torch.tensor([[0.0, 0.0, 0.0], [0.0, difference, 0.0]])]
    config = transformers.LlamaConfig()
    return check_agreement(ours, theirs, config=config, name="m", rounding=lambda: rounding)


def test_the_tolerance_is_1e_3_or_what_rounding_explains() -> None:
    assert check(0.9 * TOLERANCE, 0.0) == pytest.approx(0.9 * TOLERANCE)
    assert check(4e-3, 4.1e-3 / ROUNDINGS) == pytest.approx(4e-3)
    for difference, rounding in ((1.1 * TOLERANCE, 1e-5), (4e-3, 3.9e-3 / ROUNDINGS)):
        with pytest.raises(MismatchError, match=f"by up to {difference:.2g}"):
            check(difference, rounding)
    with pytest.raises(MismatchError, match="by up to nan"):
        check(float("nan"), 1e-5)


def test_any_callable_is_a_side_and_another_vocabulary_is_no_agreement() -> None:
    def flat(token_ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return torch.full((len(positions), 5), -1.0) - token_ids[positions, None]

    ids = np.array([[0, 1, 2], [0, 3, 3]])
    found = evaluate(flat, ids)
    assert found[0].tolist() == [[-1.0] * 5, [-2.0] * 5, [-3.0] * 5]
    assert largest_difference(found, evaluate(flat, ids[::-1].copy())) == 2.0
    assert largest_difference(found, [part[:, :4] for part in found]) == float("inf")
