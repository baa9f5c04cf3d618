"""An exported model computes in TransformerLens what it computes in transformers."""

from pathlib import Path

import pytest
import torch
from model_factory import VOCABULARY, model_folder, small_model

from semdim.errors import ArtifactError, MismatchError
from semdim.models.export import export_model
from semdim.models.load import load_model
from semdim.models.spec import ModelSource, WeightProcessing
from semdim.models.tokenizer import load_tokenizer

LLAMA3 = {
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
}
LINEAR = {
    "rope_parameters": {
        "full_attention": {"rope_theta": 5000.0, "rope_type": "linear", "factor": 8.0},
        "sliding_attention": {"rope_theta": 100.0, "rope_type": "default"},
    }
}


def export(tmp_path: Path, architecture: str, name: str = "out", **changes: object) -> Path:
    model_folder(tmp_path / "source", architecture, **changes)
    out = tmp_path / name
    export_model(ModelSource(kind="folder", path=str(tmp_path / "source")), out)
    return out


def sample(length: int = 32) -> torch.Tensor:
    return torch.randint(4, VOCABULARY, (3, length), generator=torch.Generator().manual_seed(1))


def reference(architecture: str, ids: torch.Tensor, **changes: object) -> torch.Tensor:
    with torch.no_grad():
        return small_model(architecture, **changes)(ids).logits.log_softmax(-1)


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("GPT2", {}),
        ("Llama", {}),
        ("Llama", {"num_key_value_heads": 4}),
        ("Llama", LLAMA3),
        ("Gemma", {}),
        ("Gemma2", {}),
        ("Gemma3", {}),
        ("Gemma3", LINEAR),
    ],
    ids=["gpt2", "llama", "llama-mha", "llama3-rope", "gemma", "gemma2", "gemma3", "gemma3-linear"],
)
def test_log_probabilities_agree_with_transformers(
    tmp_path: Path, architecture: str, changes: dict[str, object]
) -> None:
    model = load_model(export(tmp_path, architecture, **changes))
    ids = sample()
    with torch.no_grad():
        ours = model(ids).log_softmax(-1)
    expected = reference(architecture, ids, **changes)
    assert (ours - expected).abs().max() < 1e-4
    # The models are far from uniform, so agreement says something.
    assert expected.exp().max(-1).values.mean() > 3 / VOCABULARY


@pytest.mark.parametrize("name", ["llama-2-7b", "google/gemma-3-4b", "bert-t5", "gpt2-medium"])
def test_the_folders_name_decides_nothing(tmp_path: Path, name: str) -> None:
    model = load_model(export(tmp_path, "GPT2", name=name))
    ids = sample()
    with torch.no_grad():
        assert torch.allclose(model(ids).log_softmax(-1), reference("GPT2", ids), atol=1e-4)


def test_other_architectures_go_through_transformer_lens(tmp_path: Path) -> None:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    source = tmp_path / "source"
    model_folder(source, "Gemma")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        neox = GPTNeoXForCausalLM(
            GPTNeoXConfig(
                vocab_size=VOCABULARY,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                max_position_embeddings=64,
                initializer_range=0.1,
                bos_token_id=2,
            )
        ).eval()
    neox.save_pretrained(source)
    export_model(ModelSource(kind="folder", path=str(source)), tmp_path / "out")
    ids = sample()
    with torch.no_grad():
        ours = load_model(tmp_path / "out")(ids).log_softmax(-1)
        assert torch.allclose(ours, neox(ids).logits.log_softmax(-1), atol=1e-4)


EVERY = WeightProcessing(
    center_writing_weights=True, fold_ln=True, center_unembed=True, fold_value_biases=True
)


@pytest.mark.parametrize("architecture", ["GPT2", "Llama", "Gemma", "Gemma2", "Gemma3"])
@pytest.mark.filterwarnings("ignore:center_")
def test_processing_moves_the_weights_but_not_the_output(tmp_path: Path, architecture: str) -> None:
    out = export(tmp_path, architecture)
    ids = sample()
    plain, processed = load_model(out), load_model(out, processing=EVERY)
    with torch.no_grad():
        assert torch.allclose(plain(ids).log_softmax(-1), processed(ids).log_softmax(-1), atol=1e-4)
    scale = processed.blocks[1].ln1
    assert not hasattr(scale, "w") and hasattr(plain.blocks[1].ln1, "w")
    centred = processed.unembed.W_U.mean(-1).abs().max() < 1e-6
    assert bool(centred) == (architecture != "Gemma2")  # its soft cap does not ignore a constant


def test_centred_writing_weights_leave_the_stream_without_a_mean(tmp_path: Path) -> None:
    out = export(tmp_path, "GPT2")
    ids = sample()
    centred = load_model(out, processing=WeightProcessing(center_writing_weights=True))
    with torch.no_grad():
        for layer in (0, 3, 6):
            assert centred(ids, stop_at_layer=layer).mean(-1).abs().max() < 1e-5
            h = load_model(out)(ids, stop_at_layer=layer)
            expected = h - h.mean(-1, keepdim=True)
            assert torch.allclose(centred(ids, stop_at_layer=layer), expected, atol=1e-4)


@pytest.mark.parametrize("architecture", ["Llama", "Gemma3"])
def test_processing_without_effect_is_said(tmp_path: Path, architecture: str) -> None:
    out = export(tmp_path, architecture)
    with pytest.warns(UserWarning, match="center_writing_weights: asked for by the SAE"):
        model = load_model(out, processing=WeightProcessing(center_writing_weights=True))
    assert torch.equal(model.embed.W_E, load_model(out).embed.W_E)


def test_bfloat16_is_a_rounding_of_float32(tmp_path: Path) -> None:
    out = export(tmp_path, "Llama")
    exact, rounded = load_model(out), load_model(out, dtype=torch.bfloat16)
    assert rounded.blocks[1].mlp.W_in.dtype == torch.bfloat16
    assert torch.equal(rounded.blocks[1].mlp.W_in, exact.blocks[1].mlp.W_in.bfloat16())
    ids = sample()
    with torch.no_grad():
        assert rounded(ids).dtype == torch.bfloat16
        assert (rounded(ids).float() - exact(ids)).abs().mean() < 0.1


def test_splitting_the_model_is_bitwise_the_whole(tmp_path: Path) -> None:
    model = load_model(export(tmp_path, "Llama"))
    ids = sample()
    with torch.no_grad():
        for layer in range(4):
            h = model(ids, stop_at_layer=layer)
            assert torch.equal(model(h, start_at_layer=layer), model(ids))


def test_the_loaded_model_is_ready_for_inference(tmp_path: Path) -> None:
    model = load_model(export(tmp_path, "Gemma"))
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    assert model.cfg.n_ctx == 64 and model.cfg.device == "cpu"


def test_a_missing_or_damaged_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"facts\.json is missing"):
        load_model(tmp_path / "nothing")
    out = export(tmp_path, "Llama")
    (out / "model.safetensors").write_bytes(b"rubbish")
    with pytest.raises(ArtifactError, match="cannot be read as an exported model"):
        load_model(out)
    (out / "tokenizer.json").write_text("{")
    with pytest.raises(ArtifactError, match="tokenizer"):
        load_tokenizer(out)
    (out / "facts.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"facts\.json cannot be read as the facts"):
        load_tokenizer(out)


def test_scaled_positions_that_transformer_lens_lacks_are_refused(tmp_path: Path) -> None:
    rope = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
    with pytest.raises(MismatchError, match=r"scaled \(linear\)"):
        export(tmp_path, "Llama", rope_parameters=rope)
