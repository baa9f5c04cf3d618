"""The paper's two set-ups, loaded offline from a hub cache laid out as the hub's client does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import constants, errors
from model_factory import (
    WIDTH,
    files_of,
    gemma_tokenizer,
    gpt2_tokenizer,
    put_in_hub_cache,
    small_model,
    standard_sae_files,
)
from safetensors.torch import load
from transformers import AutoModelForCausalLM

from semdim.errors import ConfigError, HubError, MismatchError
from semdim.models.export import export_model
from semdim.models.hub import fetch_model
from semdim.models.load import load_model
from semdim.models.spec import ModelSource
from semdim.saes.check import check_fit
from semdim.saes.export import export_sae
from semdim.saes.load import load_decoder, load_sae
from semdim.saes.spec import SAESource
from stages.support.configuration import composed

DICT_SIZE = 128
GPT2_SAE = "jbloom/GPT2-Small-SAEs-Reformatted"
GEMMA_SAE = "jbloom/Gemma-2b-Residual-Stream-SAEs"
GEMMA_FOLDER = "gemma_2b_blocks.12.hook_resid_post_16384"
GEMMA_SCALE = 0.21381938399317255  # in SAELens's registry, not in the SAE's own files


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, in use."""
    folder = tmp_path / "huggingface" / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def gpt2(tmp_path: Path, cache: Path) -> Any:
    """GPT-2's repository: weights named without the head's prefix, as the hub has them."""
    model = small_model("GPT2")
    work = tmp_path / "gpt2"
    model.transformer.save_pretrained(work)
    config = json.loads((work / "config.json").read_text()) | {"architectures": ["GPT2LMHeadModel"]}
    (work / "config.json").write_text(json.dumps(config))
    gpt2_tokenizer(work)
    put_in_hub_cache(cache, "openai-community/gpt2", files_of(work))
    config = {
        "model_name": "gpt2-small",
        "hook_point": "blocks.6.hook_resid_pre",
        "hook_point_layer": 6,
        "hook_point_head_index": None,
        "dataset_path": "Skylion007/openwebtext",
        "context_size": 128,
        "dtype": "torch.float32",
        "device": "cuda",
    }
    sizes = {"d_in": WIDTH, "dict_size": DICT_SIZE}
    name = "blocks.6.hook_resid_pre"
    put_in_hub_cache(cache, GPT2_SAE, standard_sae_files(tmp_path / "w", name, config, **sizes))
    return model


@pytest.fixture
def gemma(tmp_path: Path, cache: Path) -> Any:
    """Gemma's repository: bfloat16 weights in two shards with an index."""
    model = small_model("Gemma").bfloat16()
    work = tmp_path / "gemma"
    model.save_pretrained(work, max_shard_size="400KB")
    assert len(list(work.glob("model-*.safetensors"))) >= 2
    gemma_tokenizer(work)
    put_in_hub_cache(cache, "google/gemma-2b", files_of(work))
    config = {
        "model_name": "gemma-2b",
        "hook_point": "blocks.12.hook_resid_post",
        "hook_point_layer": 12,
        "context_size": 64,
        "normalize_activations": "expected_average_only_in",
        "dtype": "torch.float32",
        "prepend_bos": True,
    }
    sizes = {"d_in": WIDTH, "dict_size": DICT_SIZE}
    files = standard_sae_files(tmp_path / "w", GEMMA_FOLDER, config, **sizes)
    put_in_hub_cache(cache, GEMMA_SAE, files)
    # Read again in float32: casting the object would round its positions' frequencies, too.
    return AutoModelForCausalLM.from_pretrained(work, dtype=torch.float32, local_files_only=True)


def configured(model: str) -> tuple[ModelSource, SAESource]:
    """The sources that conf/ has for a model, as Hydra composes them."""
    settings = yaml.safe_load(composed([f"model={model}"]))
    (probe,) = settings["probes"].values()
    return (
        ModelSource.from_mapping(settings["models"][model]),
        SAESource.from_mapping(probe["sae"]),
    )


def test_gpt2_small_and_its_sae(tmp_path: Path, gpt2: Any, cache: Path) -> None:
    model_source, sae_source = configured("gpt2-small")
    facts = export_model(model_source, tmp_path / "m")
    sae_facts = export_sae(sae_source, tmp_path / "s")
    check_fit(sae_facts, facts, context=128, prepend_bos=True)

    assert (facts.name, facts.architecture, facts.n_layers) == ("gpt2", "GPT2LMHeadModel", 7)
    assert (facts.n_context, facts.bos_token_id, facts.special_token_ids) == (128, 0, (0,))
    assert (sae_facts.hook_name, sae_facts.start_layer) == ("blocks.6.hook_resid_pre", 6)
    assert (sae_facts.prepend_bos, sae_facts.context_size) == (True, 128)
    assert sae_facts.name == "gpt2-small-res-jb/blocks.6.hook_resid_pre"
    assert sae_facts.processing.center_writing_weights  # from the registry
    assert not sae_facts.processing.fold_ln and sae_facts.input_scale == 1.0

    model = load_model(tmp_path / "m", processing=sae_facts.processing)
    ids = model.tokenizer("def main(): return the sum of it", add_special_tokens=False).input_ids
    ids = torch.tensor([[0, *ids]])
    with torch.no_grad():
        h = model(ids, stop_at_layer=sae_facts.start_layer)
        expected = gpt2(ids, output_hidden_states=True)
        raw = expected.hidden_states[6]
        assert torch.allclose(h, raw - raw.mean(-1, keepdim=True), atol=1e-4)
        assert h.mean(-1).abs().max() < 1e-5 < raw.mean(-1).abs().max()
        logs = model(h, start_at_layer=6).log_softmax(-1)
        assert torch.allclose(logs, expected.logits.log_softmax(-1), atol=1e-4)
        reconstruction_is_the_originals(cache, GPT2_SAE, tmp_path / "s", h[0], scale=1.0)


@pytest.mark.parametrize("normalised", ["expected_average_only_in", True], ids=["name", "flag"])
def test_gemma_2b_and_its_sae(tmp_path: Path, gemma: Any, cache: Path, normalised: object) -> None:
    (path,) = (cache / "models--jbloom--Gemma-2b-Residual-Stream-SAEs").glob("snapshots/*/*/cfg*")
    config = json.loads(path.read_text()) | {"normalize_activations": normalised}
    path.write_text(json.dumps(config))

    model_source, sae_source = configured("gemma-2b")
    facts = export_model(model_source, tmp_path / "m")
    sae_facts = export_sae(sae_source, tmp_path / "s")
    check_fit(sae_facts, facts, context=64, prepend_bos=True)

    assert (facts.name, facts.architecture) == ("google/gemma-2b", "GemmaForCausalLM")
    assert (facts.bos_token_id, facts.special_token_ids) == (2, (0, 1, 2, 3))
    assert (sae_facts.hook_name, sae_facts.start_layer) == ("blocks.12.hook_resid_post", 13)
    assert sae_facts.normalize_activations == "expected_average_only_in"
    assert sae_facts.input_scale == pytest.approx(GEMMA_SCALE)
    assert not any(sae_facts.processing.as_dict().values())  # centring is GPT-2's alone

    model = load_model(tmp_path / "m", processing=sae_facts.processing)
    ids = torch.tensor([[2, 17, 350, 40, 5, 99, 123]])
    with torch.no_grad():
        h = model(ids, stop_at_layer=13)
        assert h.mean(-1).abs().max() > 1e-3
        expected = gemma(ids).logits.log_softmax(-1)
        assert torch.allclose(model(h, start_at_layer=13).log_softmax(-1), expected, atol=1e-4)
        reconstruction_is_the_originals(cache, GEMMA_SAE, tmp_path / "s", h[0], scale=GEMMA_SCALE)


def reconstruction_is_the_originals(
    cache: Path, repo: str, exported: Path, h: torch.Tensor, *, scale: float
) -> None:
    """The exported SAE against the formula of a standard SAE on the repository's own tensors."""
    root = cache / ("models--" + repo.replace("/", "--"))
    (path,) = root.glob("snapshots/*/*/sae_weights.safetensors")
    w = load(path.read_bytes())
    codes = ((h * scale - w["b_dec"]) @ w["W_enc"] + w["b_enc"]).relu()
    expected = (codes @ w["W_dec"] + w["b_dec"]) / scale
    decoder, ours = load_decoder(exported), load_sae(exported).encode(h)
    assert torch.equal(ours > 0, codes > 0) and 0 < int((ours > 0).sum()) < ours.numel()
    rebuilt = ours @ decoder.weight + decoder.bias
    assert (rebuilt - expected).norm() / expected.norm() < 1e-5
    assert torch.allclose(decoder.weight.norm(dim=1), torch.ones(len(decoder.weight)), atol=1e-6)


def test_a_local_copy_without_the_registry_needs_its_scale(
    tmp_path: Path, gemma: Any, cache: Path
) -> None:
    """The same files as a folder: the factor is in nobody's metadata, so it must be given."""
    (path,) = cache.glob(f"*/snapshots/*/{GEMMA_FOLDER}")
    with pytest.raises(MismatchError, match="set `input_scale`"):
        export_sae(SAESource(kind="folder", path=str(path)), tmp_path / "a")
    given = SAESource(kind="folder", path=str(path), input_scale=GEMMA_SCALE)
    registered = export_sae(configured("gemma-2b")[1], tmp_path / "b")
    assert export_sae(given, tmp_path / "a").fingerprint == registered.fingerprint


def test_a_hub_repository_outside_the_registry(tmp_path: Path, cache: Path) -> None:
    from sae_factory import random_sae

    random_sae("jumprelu").save_model(tmp_path / "own" / "layer_1")
    put_in_hub_cache(cache, "somebody/their-saes", files_of(tmp_path / "own"))
    source = SAESource(kind="release", release="somebody/their-saes", sae_id="layer_1")
    facts = export_sae(source, tmp_path / "out")
    assert (facts.architecture, facts.mean_n_active) == ("jumprelu", None)


def test_pairs_that_do_not_belong_together_are_refused(
    tmp_path: Path, gpt2: Any, gemma: Any
) -> None:
    model = export_model(configured("gpt2-small")[0], tmp_path / "m")
    sae = export_sae(configured("gemma-2b")[1], tmp_path / "s")
    with pytest.raises(MismatchError, match="was trained on gemma-2b, not on gpt2"):
        check_fit(sae, model, context=64, prepend_bos=True)


@pytest.mark.parametrize("missing", ["model-00002", "tokenizer.json", "config.json"])
def test_a_half_downloaded_model_is_not_used(
    tmp_path: Path, gemma: Any, cache: Path, missing: str
) -> None:
    for path in cache.glob(f"models--google--gemma-2b/snapshots/*/{missing}*"):
        path.unlink()
    with pytest.raises(HubError, match=r"google/gemma-2b needs the hub.*not in the cache"):
        fetch_model("google/gemma-2b")


def test_without_cache_and_network_the_message_says_what_to_do(tmp_path: Path, cache: Path) -> None:
    model_source, sae_source = configured("gpt2-small")
    with pytest.raises(HubError, match=r"HF_HUB_OFFLINE is set.*go online once"):
        export_model(model_source, tmp_path / "m")
    with pytest.raises(HubError, match=r"SAE gpt2-small-res-jb.*copy jbloom/GPT2-Small"):
        export_sae(sae_source, tmp_path / "s")
    assert list(tmp_path.glob("*")) in ([], [tmp_path / "huggingface"])


def test_an_unknown_hub_model_in_the_cache_of_another_kind(tmp_path: Path, cache: Path) -> None:
    put_in_hub_cache(
        cache, "a/b", {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b""}
    )
    with pytest.raises(ConfigError, match="transformers cannot load the model"):
        export_model(ModelSource(kind="hub", repo="a/b"), tmp_path / "m")


class Withheld:
    """A hub that answers every question with one error."""

    def __init__(self, error: type[Exception], text: str) -> None:
        self.error, self.text, self.questions = error, text, 0

    def model_info(self, *_: object, **__: object) -> None:
        self.questions += 1
        response = SimpleNamespace(headers={}, request=None, status_code=403)
        raise self.error(self.text, response=response)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (errors.GatedRepoError, "accept its licence"),
        (errors.RepositoryNotFoundError, "check the name"),
    ],
)
def test_what_the_hub_withholds_or_does_not_have(
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
    advice: str,
) -> None:
    hub = Withheld(error, "not for you")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    with pytest.raises(HubError, match=advice):
        fetch_model("google/gemma-2b")
    assert hub.questions == 1
    assert constants.HF_HUB_OFFLINE is False  # as it was


SCRIPT = """
import sys
from huggingface_hub import get_session
from semdim.errors import HubError
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.saes.export import export_sae
from semdim.saes.spec import SAESource

out, sae_id, sae_id2 = sys.argv[1:]
client, asked = type(get_session()), []
send = client.send

def counted(session, request, **options):
    asked.append(request.url.path)
    return send(session, request, **options)

client.send = counted
for number, (export, source) in enumerate((
    (export_model, ModelSource(kind="hub", repo="openai-community/gpt2")),
    (export_sae, SAESource("release", release="gpt2-small-res-jb", sae_id=sae_id)),
    (export_model, ModelSource(kind="hub", repo="google/gemma-2b")),
    (export_sae, SAESource("release", release="gemma-2b-res-jb", sae_id=sae_id2)),
)):
    try:
        print("OK", export(source, f"{out}/{number}").name)
    except HubError as error:
        print("HubError", error)
print(*asked)
"""


@pytest.mark.slow
def test_a_process_without_network_takes_what_is_cached_and_fails_at_once_on_the_rest(
    tmp_path: Path, gpt2: Any
) -> None:
    """With a user's environment variables only, and a hub that does not answer."""
    ids = ("blocks.6.hook_resid_pre", "blocks.6.hook_resid_post")
    keep = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    silent = {"HF_HOME": str(tmp_path / "huggingface"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "out"), *ids],
        env=keep | silent,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    lines = done.stdout.strip().splitlines()
    assert lines[0] == "OK openai-community/gpt2"
    assert lines[1] == "OK gpt2-small-res-jb/blocks.6.hook_resid_pre"
    for line, repo in zip(lines[2:4], ("google/gemma-2b", GEMMA_SAE), strict=True):
        assert line.startswith("HubError") and "ConnectError" in line and repo in line
    # The client left to itself asks again and again for each file. The model in the cache needs no
    # question, and every other repository gets one.
    asked = [path for path in lines[4].split() if path.startswith("/api/models/")]
    assert [path.removeprefix("/api/models/") for path in asked] == [
        GPT2_SAE, "google/gemma-2b", GEMMA_SAE,
    ]  # fmt: skip
