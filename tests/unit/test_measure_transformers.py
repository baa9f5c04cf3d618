"""Measure with a model of transformers: the ledger that TransformerLens gives, and nothing of the
user's is changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from decoder_factory import sample_ids, small_decoder
from sae_factory import random_sae

import semdim
from semdim.errors import ConfigError, MismatchError
from semdim.models.export import export_model
from semdim.models.load import load_model
from semdim.models.load_transformers import load_transformers
from semdim.models.spec import ModelSource, WeightProcessing
from semdim.models.tiny import standard_library_text
from semdim.models.tokenizer import load_tokenizer

HOOK = "blocks.1.hook_resid_post"
PROXIES = ("model", "sae", "topk_3")
CENTRED = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def export(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / request.param
    source = ModelSource(
        kind="random", architecture=request.param, n_layers=3, d_model=24, n_heads=2,
        vocab_size=500, n_context=64, seed=0,
    )  # fmt: skip
    export_model(source, folder)
    return folder


def an_sae(**metadata: Any) -> Any:
    return random_sae("jumprelu", metadata={"hook_name": HOOK, "prepend_bos": True} | metadata)


def measured(model: Any, texts_or_ids: Any, sae: Any = None, **options: Any) -> semdim.Ledger:
    settings = {"batch_sequences": 2, "shard_sequences": 3, "progress": False, "proxies": PROXIES}
    return semdim.measure(model, sae or an_sae(), texts_or_ids, **(settings | options))


def test_the_ledger_is_that_of_the_other_back_end(export: Path) -> None:
    centred = export.name == "gpt2"
    sae = an_sae(**CENTRED) if centred else an_sae()
    asked = WeightProcessing(center_writing_weights=centred)
    ids = sample_ids(5)
    ours = measured(load_transformers(export), ids, sae)
    theirs = measured(load_model(export, processing=asked), ids, sae)
    assert (ours.facts.backend, theirs.facts.backend) == ("transformers", "transformer_lens")
    assert ours.facts.compute_dtype == "float32" and ours.facts.n_layers == 3
    assert list(ours.rows) == list(theirs.rows)
    for name in PROXIES:
        difference = ours.rows[f"nll_{name}"] - theirs.rows[f"nll_{name}"]
        assert difference.abs().max() < 1e-4
    assert (ours.rows["nll_sae"] - ours.rows["nll_model"]).abs().mean() > 0.05
    assert ours.rows["n_active"].tolist() == theirs.rows["n_active"].tolist()
    np.testing.assert_allclose(
        ours.rows["activation_norm"], theirs.rows["activation_norm"], atol=1e-4
    )
    if centred:  # otherwise the SAE would read another stream
        plain = measured(load_transformers(export), ids)
        assert (plain.rows["activation_norm"] - ours.rows["activation_norm"]).abs().max() > 0.01


def test_the_model_stays_as_it_is(export: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        export, dtype=torch.bfloat16, local_files_only=True, attn_implementation="eager"
    )
    model.train()
    ids = sample_ids(4)
    modes = [module.training for module in model.modules()]
    state = {name: (value, value.clone()) for name, value in model.state_dict().items()}
    settings = model.config.to_dict()
    ledger = measured(model, ids, bos_token_id=0)
    assert ledger.facts.compute_dtype == "bfloat16"
    assert [module.training for module in model.modules()] == modes
    assert model.config.to_dict() == settings and model.config._attn_implementation == "eager"
    for name, value in model.state_dict().items():
        known, content = state[name]
        assert value.data_ptr() == known.data_ptr() and value.stride() == known.stride()
        assert torch.equal(value, content)
    assert all(weight.requires_grad for weight in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    exact = measured(load_transformers(export), ids).rows["nll_model"]
    assert 0 < (exact - ledger.rows["nll_model"]).abs().mean() < 0.2


def test_texts_need_a_tokenizer_beside_the_model(export: Path) -> None:
    model, tokenizer = load_transformers(export), load_tokenizer(export)
    text = "".join(standard_library_text())[:3000]
    ledger = measured(model, [text], tokenizer=tokenizer, context=16, n_tokens=48)
    assert ledger.facts.n_sequences == 3
    assert (ledger.rows.loc[ledger.rows["position"] == 0, "token_id"] == 0).all()
    with pytest.raises(ConfigError, match="no tokenizer with a BOS"):
        measured(model, [text])
    with pytest.raises(ConfigError, match="give `tokenizer`"):
        measured(model, [text], bos_token_id=0)


def test_a_decoder_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(MismatchError, match="cannot cut a Linear in two"):
        measured(torch.nn.Linear(2, 2), sample_ids())
    model = small_decoder("llama")
    model.__class__ = type("NewForCausalLM", (type(model),), {})
    with pytest.raises(MismatchError, match=r"NewForCausalLM: it runs .*GPT2LMHeadModel"):
        measured(model, sample_ids())


def test_an_sae_of_another_model_is_refused(export: Path) -> None:
    model = load_transformers(export)
    model.config._name_or_path = "someone/else-7b"
    with pytest.raises(MismatchError, match="trained on a-model, not on someone/else-7b"):
        measured(model, sample_ids(), an_sae(model_name="a-model"))
    model.config._name_or_path = str(export)
    assert measured(model, sample_ids(), an_sae(model_name="a-model")).facts.model == "custom"


def test_a_bridge_runs_its_model_of_transformers(tmp_path: Path) -> None:
    import torch
    from tiny_factory import fitting_sae, tiny_model
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM

    import semdim

    tiny_model(tmp_path / "model")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    bridge = TransformerBridge.boot_transformers(str(tmp_path / "model"))
    ids = torch.randint(1, 500, (3, 12), generator=torch.manual_seed(1))
    ids[:, 0] = 0
    before = bridge(ids)
    of_bridge, of_plain = (
        semdim.measure(model, fitting_sae(), ids, bos_token_id=0, progress=False)
        for model in (bridge, plain)
    )
    assert of_bridge.facts.backend == "transformers"
    for name in ("nll_model", "nll_sae", "kl_sae"):
        one, other = (ledger.rows[name].dropna() for ledger in (of_bridge, of_plain))
        assert (one - other).abs().max() < 1e-4
    assert torch.equal(bridge(ids), before)
