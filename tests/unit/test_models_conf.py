"""The model and SAE files of conf/ compose to sources that are valid, and can be overridden."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from semdim.models.spec import ModelSource
from semdim.saes.spec import SAESource

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The two groups as shipped, under a primary config that chooses a list of models."""
    for group in ("model", "sae"):
        shutil.copytree(CONF / group, tmp_path / group)
    (tmp_path / "config.yaml").write_text("defaults:\n  - model: [smollm2-135m]\n  - _self_\n")
    return tmp_path


def composed(conf: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    return dict(config["models"])  # type: ignore[index, call-overload]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_file_is_a_valid_pair_under_its_own_name(conf: Path, name: str) -> None:
    models = composed(conf, f"model={name}")
    assert list(models) == [name]
    ModelSource.from_mapping(models[name]["source"])
    SAESource.from_mapping(models[name]["sae"])


def test_the_papers_pairs_are_as_published(conf: Path) -> None:
    models = composed(conf, "model=[gpt2-small,gemma-2b]")
    assert models["gpt2-small"]["source"]["repo"] == "openai-community/gpt2"
    assert models["gpt2-small"]["sae"]["sae_id"] == "blocks.6.hook_resid_pre"
    assert models["gemma-2b"]["source"]["repo"] == "google/gemma-2b"
    assert models["gemma-2b"]["sae"]["sae_id"] == "blocks.12.hook_resid_post"


def test_a_user_changes_a_models_sae_in_one_line(conf: Path) -> None:
    by_file = composed(conf, "sae@models.smollm2-135m.sae=tiny")
    assert by_file["smollm2-135m"]["sae"]["kind"] == "random"
    by_path = composed(conf, "models.smollm2-135m.sae.path=elsewhere")
    assert by_path["smollm2-135m"]["sae"] == {"kind": "folder", "path": "elsewhere"}
    other = composed(
        conf, "model=gpt2-small", "models.gpt2-small.sae.sae_id=blocks.8.hook_resid_pre"
    )
    assert other["gpt2-small"]["sae"]["sae_id"] == "blocks.8.hook_resid_pre"


@pytest.mark.parametrize("name", MODELS)
def test_the_comment_in_each_file_gives_the_line_that_works(conf: Path, name: str) -> None:
    text = (CONF / "model" / f"{name}.yaml").read_text()
    assert text.startswith(f"# @package models.{name}\n")
    assert f"sae@models.{name}.sae=NAME" in text
    models = composed(conf, f"model={name}", f"sae@models.{name}.sae=tiny")
    assert models[name]["sae"]["kind"] == "random"
