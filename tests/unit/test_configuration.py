"""conf/ is the source of truth: it composes, params.yaml is its composition, values are checked."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from semdim.errors import ConfigError
from semdim.settings import read_settings
from stages.check_params import check, composed

ROOT = Path(__file__).resolve().parents[2]


def values(*overrides: str) -> dict[str, Any]:
    container = OmegaConf.to_container(OmegaConf.create(composed(list(overrides))))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def test_params_yaml_is_the_composition_of_conf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == composed()
    check(ROOT / "params.yaml")


def test_params_that_are_not_the_composition_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    other = tmp_path / "params.yaml"
    other.write_text(composed(["bound.failure_prob=0.01"]))
    with pytest.raises(ConfigError, match=r"differ in bound\.failure_prob.*--write"):
        check(other)
    monkeypatch.setenv("DVC_EXP_NAME", "a-try")  # an experiment composes its own
    check(other)


def test_missing_params_name_the_mending_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--write"):
        check(tmp_path / "params.yaml")


@pytest.mark.parametrize("experiment", names("experiment"))
def test_every_experiment_composes(experiment: str) -> None:
    settings = read_settings(values(f"experiment={experiment}"))
    assert settings.grid.sample == "english"


@pytest.mark.parametrize("model", names("model"))
def test_every_model_replaces_the_list(model: str) -> None:
    settings = read_settings(values(f"model={model}"))
    assert settings.grid.model == (model,) and list(settings.models) == [model]


@pytest.mark.parametrize("corpus", names("corpus"))
def test_every_corpus_is_a_choice(corpus: str) -> None:
    composed_corpora = values(f"corpus={corpus}")["corpora"]
    assert len(composed_corpora) == 1


def test_the_first_corpus_is_the_sample() -> None:
    assert read_settings(values("corpus=[c4,codeparrot,random]")).grid.sample == "c4"


def test_the_study_has_two_near_shifts() -> None:
    settings = read_settings(values("experiment=ood"))
    roles = {name: spec.role for name, spec in settings.corpora.items()}
    assert roles == {
        "english": "id", "python": "shifted", "random": "far", "english_replaced": "near",
        "english_shuffled": "near",
    }  # fmt: skip
    sources = {settings.corpora[name].base.kind for name, role in roles.items() if role == "near"}
    assert sources == {settings.corpora["english"].kind}


def test_a_corpus_of_ones_own_joins_the_study_by_configuration() -> None:
    mine = "+corpora.mine={kind:files,path:data,role:shifted,n_tokens:1000}"
    settings = read_settings(values("experiment=ood", mine))
    assert settings.grid.corpus[-1] == "mine" and settings.grid.sample == "english"


def test_an_sae_is_replaced_in_one_line() -> None:
    replaced = values("sae@models.smollm2-135m.sae=gpt2-small-res-jb")
    assert replaced["models"]["smollm2-135m"]["sae"]["release"] == "gpt2-small-res-jb"


def test_an_unknown_choice_lists_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="smollm2-135m") as caught:
        composed(["model=gpt5"])
    assert "gpt5" in str(caught.value)


@pytest.mark.parametrize("group", ["experiment", "corpus", "tracking", "sae@models.tiny.sae"])
def test_an_unknown_choice_of_any_group_lists_those_that_exist(group: str) -> None:
    chosen = ["model=tiny", f"{group}=nowhere"]
    with pytest.raises(ConfigError, match="nowhere") as caught:
        composed(chosen)
    folder = group.partition("@")[0]
    assert all(name in str(caught.value) for name in names(folder))


def test_two_values_for_one_setting_are_a_contradiction() -> None:
    with pytest.raises(ConfigError, match=r"bound\.k is given twice.*keep one"):
        composed(["bound.k=16", "bound.k=32"])
    with pytest.raises(ConfigError, match="model is given twice"):
        composed(["model=tiny", "model=gpt2-small"])


def test_a_corpus_that_cannot_be_read_is_named() -> None:
    # experiment=smoke sets the size of english, which this list of corpora lacks.
    with pytest.raises(ConfigError, match=r"corpora\.english lacks kind"):
        read_settings(values("experiment=smoke", "corpus=[python,random]"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("bound.k=abc", "k"),
        ("bound.failure_prob=1.5", "failure_prob"),
        ("bound.failure_prob=0", "failure_prob"),
        ("bound.smoothing=1", "smoothing"),
        ("bound.smoothing=0", "smoothing"),
        ("bound.n_tokens=[-5]", "n_tokens"),
        ("splice=some", "splice"),
        ("seed=-1", "seed"),
        ("engine.compute_dtype=float16", "compute_dtype"),
        ("engine.device=tpu", "device"),
        ("engine.batch_sequences=0", "batch_sequences"),
        ("tokens.context=1", "context"),
        ("tokens.prepend_bos=false", "prepend_bos"),
        ("tokens.max_sequences_per_document=0", "max_sequences_per_document"),
        ("grid.sample=german", "german"),
        ("grid.sweep=[topk_16,topk_16]", "twice"),
        ("grid.sweep=[top_16]", "top_16"),
        ("grid.proxy=[model]", "sae"),
        ("grid.ablation=[topk_16]", "twice"),
        ("grid.ablation=[pool_16]", "wrong list"),
        ("grid.ablation_tokens=0", "ablation_tokens"),
        ("grid.ablation_tokens=200000", "more than the 100000 tokens"),
        ("bound.topk_grid=[16,48]", "topk_48"),
        ("bound.k=48", "topk_48"),
        ("corpora.english.n_tokens=0", "n_tokens"),
        ("+corpora.english.colour=red", "colour"),
        ("+engine.turbo=true", "turbo"),
        ("+typo=1", "typo"),
    ],
)
def test_impossible_values_are_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(values(override))


def test_units_that_are_not_in_the_configuration_are_refused() -> None:
    settings = read_settings(values())
    with pytest.raises(ConfigError, match=r"gpt2.*smollm2-135m"):
        settings.model("gpt2")
    with pytest.raises(ConfigError, match=r"unit\.corpus is not set"):
        settings.corpus(None)


def test_the_sweep_belongs_to_the_sample_alone() -> None:
    grid = read_settings(values()).grid
    assert grid.proxies("english") == grid.proxy + grid.sweep + grid.ablation
    assert grid.on_whole_sample() == grid.proxy + grid.sweep
    assert grid.n_tokens("sae", 100_096) == 100_096
    assert grid.n_tokens("sae_all", 100_096) == grid.ablation_tokens == 12_800
    assert grid.proxies("random") == grid.proxy
