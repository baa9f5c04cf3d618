"""The tiny model: a real tokenizer, deterministic weights, and a stream worth splicing."""

from pathlib import Path

import pytest
import torch
import yaml
from model_factory import files_of

from semdim.errors import ConfigError
from semdim.models.export import export_model
from semdim.models.load import load_model
from semdim.models.spec import ModelSource
from semdim.models.tiny import standard_library_text, train_tokenizer
from semdim.saes.check import check_fit
from semdim.saes.export import export_sae
from semdim.saes.load import load_decoder, load_sae
from semdim.saes.spec import SAESource

CONF = Path(__file__).parents[2] / "conf"


def shipped(group: str) -> dict[str, object]:
    """Settings of the smoke run's model (``source``) or SAE (``probe``), as conf/ has them."""
    content = dict(yaml.safe_load((CONF / group / "tiny.yaml").read_text()))
    if group == "source":
        return content
    probe = content["probes"]["tiny"]
    return {**probe["sae"], "hook_name": probe["hook"]}


def sample_ids(tokenizer: object, context: int = 32) -> torch.Tensor:
    ids = tokenizer("".join(standard_library_text()), add_special_tokens=False).input_ids  # type: ignore[operator]
    rows = torch.tensor(ids[: 60 * (context - 1)]).view(60, context - 1)
    return torch.cat([torch.zeros(60, 1, dtype=torch.int64), rows], dim=1)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_seed_decides_everything(tmp_path: Path, architecture: str) -> None:
    settings = shipped("source") | {"architecture": architecture}
    source = ModelSource.from_mapping(settings)
    torch.manual_seed(5)
    first = export_model(source, tmp_path / "a")
    torch.manual_seed(6)
    assert export_model(source, tmp_path / "b") == first
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    other = export_model(ModelSource.from_mapping(settings | {"seed": 1}), tmp_path / "c")
    assert other.fingerprint != first.fingerprint


def test_building_it_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    export_model(ModelSource.from_mapping(shipped("source")), tmp_path / "a")
    assert torch.equal(torch.rand(1), expected)


def test_the_tokenizer_reads_any_text_and_gives_it_back(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(standard_library_text(), 400)
    text = "Naïve — 漢字, emoji 🦉,\ttabs\nand    spaces"
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text
    assert max(ids) < 400 and 0 not in ids
    assert len(tokenizer) == 400 and tokenizer.bos_token_id == 0


def test_too_little_text_for_the_vocabulary_is_said() -> None:
    with pytest.raises(ConfigError, match="choose a smaller vocab_size"):
        train_tokenizer(["a few words"], 5000)


def test_the_shipped_pair_fits_and_its_codes_vary(tmp_path: Path) -> None:
    facts = export_model(ModelSource.from_mapping(shipped("source")), tmp_path / "m")
    sae_facts = export_sae(SAESource.from_mapping(shipped("probe")), tmp_path / "s")
    check_fit(sae_facts, facts, context=32, prepend_bos=True)
    model, sae, decoder = load_model(tmp_path / "m"), load_sae(tmp_path / "s"), None
    decoder = load_decoder(tmp_path / "s")
    ids = sample_ids(model.tokenizer)
    with torch.no_grad():
        h = model(ids, stop_at_layer=sae_facts.start_layer)
        codes = sae.encode(h)
        n_active = (codes > 0).sum(-1).float()
        rebuilt = codes @ decoder.weight + decoder.bias
        spliced = model(rebuilt, start_at_layer=sae_facts.start_layer).log_softmax(-1)
        whole = model(ids).log_softmax(-1)
    assert 10 < n_active.mean() < 20
    assert n_active.std() > 2
    assert torch.allclose(decoder.weight.norm(dim=1), torch.ones(128), atol=1e-6)
    assert (spliced - whole).abs().mean() > 0.1  # splicing shows in the loss
