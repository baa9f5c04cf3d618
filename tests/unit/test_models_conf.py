"""The model, source and probe files of conf/ compose to what is valid, and can be overridden."""

from pathlib import Path
from typing import Any

import pytest

from semdim.models.spec import ModelSource
from semdim.settings import ProbeSpec, read_settings
from stages.support.configuration import composed, plain

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
PROBES = sorted(path.stem for path in (CONF / "probe").glob("*.yaml"))


def values(*overrides: str) -> dict[str, Any]:
    return plain(composed(list(overrides)))


def test_every_model_has_a_source_of_its_name_and_a_default_probe() -> None:
    assert sorted(path.stem for path in (CONF / "source").glob("*.yaml")) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_model_alone_is_the_model_with_its_default_probe(name: str) -> None:
    params = values(f"model={name}")
    assert list(params["models"]) == [name] == params["grid"]["model"]
    (probe,) = params["probes"]
    assert params["probes"][probe]["model"] == name and params["grid"]["probe"] == [probe]
    settings = read_settings(params)
    assert isinstance(settings.models[name], ModelSource)
    assert isinstance(settings.probes[probe], ProbeSpec)
    text = (CONF / "model" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith(f"# @package _global_\n# {name} with its default probe.")


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_brings_its_model(name: str) -> None:
    params = values(f"probe=[{name}]")
    assert list(params["probes"]) == [name]
    entry = params["probes"][name]
    assert list(params["models"]) == [entry["model"]] == params["grid"]["model"]
    settings = read_settings(params)
    sae = settings.probes[name].sae
    if sae.kind == "folder":
        assert sae.path == f"models/sae/{name}"
    if sae.kind == "random":  # its own metadata say where it reads
        assert sae.hook_name == entry["hook"]


def test_the_papers_pairs_are_as_published() -> None:
    params = values("probe=[gpt2-small-res-jb,gemma-2b-res-jb]")
    models, probes = params["models"], params["probes"]
    assert models["gpt2-small"]["repo"] == "openai-community/gpt2"
    assert probes["gpt2-small-res-jb"]["sae"]["sae_id"] == "blocks.6.hook_resid_pre"
    assert models["gemma-2b"]["repo"] == "google/gemma-2b"
    assert probes["gemma-2b-res-jb"]["sae"]["sae_id"] == "blocks.12.hook_resid_post"
    assert list(models) == ["gpt2-small", "gemma-2b"]


def test_probes_of_one_model_share_it_whatever_its_place_in_the_list() -> None:
    params = values("probe=[tiny,smollm2-135m_layer15,smollm2-135m_block03_quick]")
    assert list(params["models"]) == ["tiny", "smollm2-135m"]
    assert [hook["model"] for hook in params["axes"]["hook"]] == [
        "tiny", "smollm2-135m", "smollm2-135m",
    ]  # fmt: skip


def test_a_user_changes_a_probes_sae_in_one_line() -> None:
    by_path = values("probes.smollm2-135m_layer15.sae.path=elsewhere")
    found = by_path["probes"]["smollm2-135m_layer15"]["sae"]
    assert found == {"kind": "folder", "path": "elsewhere"}
    other = values(
        "model=gpt2-small", "probes.gpt2-small-res-jb.sae.sae_id=blocks.8.hook_resid_pre"
    )
    assert other["probes"]["gpt2-small-res-jb"]["sae"]["sae_id"] == "blocks.8.hook_resid_pre"


@pytest.mark.parametrize(
    "experiment", sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
)
def test_probes_of_one_model_that_are_compared_pay_for_each_other(experiment: str) -> None:
    probes = read_settings(values(f"experiment={experiment}")).probes
    for name, probe in probes.items():
        rivals = [other for other in probes.values() if other.model == probe.model]
        assert probe.n_candidates >= len(rivals), f"{name}: see docs/training.md"
