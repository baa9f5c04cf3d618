"""Which autoencoders a ranking is of: folders, globs, and the registry with a cache of the hub."""

import shutil
from pathlib import Path

import pytest
import torch
from sae_factory import METADATA, activations, random_sae

from semdim.errors import ConfigError, MismatchError
from semdim.rank.candidates import find_candidates
from semdim.saes.memory import probe_of
from semdim.saes.registered import releases
from semdim.saes.spec import SAESource

RELEASE, REPOSITORY = "gpt2-small-res-jb", "jbloom/GPT2-Small-SAEs-Reformatted"


def folder(path: Path, architecture: str = "jumprelu") -> Path:
    random_sae(architecture).save_model(path)
    return path


def names(found: list) -> list[str]:
    return [candidate.name for candidate in found]


def test_folders_and_globs_are_found_once(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        folder(tmp_path / "saes" / name)
    (tmp_path / "saes" / "notes").mkdir()
    saes = tmp_path / "saes"
    assert names(find_candidates([str(saes)], [], "m")) == ["a", "b", "c"]
    assert names(find_candidates([f"{saes}/[bc]", str(saes)], [], "m")) == ["b", "c", "a"]
    (one,) = find_candidates([str(saes / "a")], [], "m")
    assert (one.hook, one.dict_size, one.d_in) == (METADATA["hook_name"], 96, 24)
    assert one.file == "a.json" and one.is_here


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for where in ("x", "y"):
        folder(tmp_path / where / "sae")
    found = find_candidates([f"{tmp_path}/x", f"{tmp_path}/y"], [], "m")
    assert names(found) == ["x/sae", "y/sae"]
    assert [candidate.file for candidate in found] == ["x__sae.json", "y__sae.json"]
    for where in ("z/x", "w/x"):
        shutil.copytree(tmp_path / "x" / "sae", tmp_path / where / "sae")
    with pytest.raises(ConfigError, match="would be written to the same file"):
        find_candidates([f"{tmp_path}/z/x", f"{tmp_path}/w/x"], [], "m")


def test_the_registry_is_read_as_saelens_reads_it() -> None:
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    directory, own = get_pretrained_saes_directory(), releases()
    assert own.keys() == directory.keys()
    for name, entry in directory.items():
        assert own[name].model == entry.model
        assert own[name].sae_ids == tuple(entry.saes_map)


def test_releases_are_those_of_the_model() -> None:
    found = find_candidates([], ["gemma-scope-2-270m-*-res"], "google/gemma-3-270m")
    assert found and all(one.name.startswith("gemma-scope-2-270m-pt-res/") for one in found)
    # The model that was tuned to instructions is another one.
    tuned = find_candidates([], ["gemma-scope-2-270m-*-res"], "google/gemma-3-270m-it")
    assert all(one.name.startswith("gemma-scope-2-270m-it-res/") for one in tuned)
    hook = "blocks.8.hook_resid_pre"
    at = find_candidates([], [RELEASE], "gpt2", hook=hook)
    assert names(at) == [f"{RELEASE}/{hook}"] and at[0].hook == hook
    with pytest.raises(ConfigError, match="matches releases for gpt2-small, but none for gpt2-xl"):
        find_candidates([], [RELEASE], "gpt2-xl")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that holds nothing yet; returns the folder of the release's files."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    own = tmp_path / ("models--" + REPOSITORY.replace("/", "--"))
    (own / "refs").mkdir(parents=True)
    (own / "refs" / "main").write_text("abc")
    (own / "snapshots" / "abc").mkdir(parents=True)
    return own / "snapshots" / "abc"


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "gated", "topk"])
def test_every_architecture_comes_from_the_cache_of_the_hub(cache: Path, architecture: str) -> None:
    hook = "blocks.1.hook_resid_pre"
    settings = {"rescale_acts_by_decoder_norm": True} if architecture == "topk" else {}
    metadata = METADATA | {"hook_name": hook}
    original = random_sae(architecture, metadata=metadata, **settings)
    original.save_model(cache / hook)
    (one,) = find_candidates([f"{RELEASE}/{hook}"], [], "gpt2")
    assert one.is_here
    probe = probe_of(one.source)
    assert probe.facts.architecture == architecture and probe.facts.hook_name == hook
    x = activations()
    with torch.no_grad():
        rebuilt = probe.sae.encode(x) @ probe.decoder.weight + probe.decoder.bias
        expected = original(x)
    assert (rebuilt - expected).norm() < 1e-5 * expected.norm()
    other = find_candidates([f"{RELEASE}/blocks.2.hook_resid_pre"], [], "gpt2")
    assert not other[0].is_here


def test_a_folder_that_is_none_says_what_is_wrong(tmp_path: Path) -> None:
    path = folder(tmp_path / "sae")
    (path / "sae_weights.safetensors").write_bytes(b"no weights")
    (one,) = find_candidates([str(path)], [], "m")
    with pytest.raises(MismatchError, match="cannot load the SAE"):
        probe_of(one.source)
    (path / "cfg.json").write_text("no JSON")
    (one,) = find_candidates([str(path)], [], "m")
    assert (one.hook, one.dict_size) == ("", None)
    with pytest.raises(MismatchError, match=r"cfg\.json"):
        probe_of(SAESource(kind="folder", path=str(path)))
