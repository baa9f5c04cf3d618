"""conf/ is the source of truth: it composes, params.yaml is its composition, values are checked."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from semdim.errors import ConfigError
from semdim.settings import read_settings
from stages.support.configuration import checked, composed, first_difference, plain

ROOT = Path(__file__).resolve().parents[2]


def values(*overrides: str) -> dict[str, Any]:
    return plain(composed(list(overrides)))


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def test_params_yaml_is_the_composition_of_conf() -> None:
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == composed()
    checked(plain(ROOT / "params.yaml"), must_be_composed=True)


def test_params_that_are_not_the_composition_are_refused() -> None:
    other = values("bound.failure_prob=0.01")
    with pytest.raises(ConfigError, match=r"differ in bound\.failure_prob.*--write"):
        checked(other, must_be_composed=True)
    assert checked(other) == other  # an experiment composes its own


def test_params_that_are_impossible_are_refused_however_they_were_composed() -> None:
    with pytest.raises(ConfigError, match="failure_prob"):
        checked(values("bound.failure_prob=7"))


def test_missing_params_name_the_mending_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--write"):
        plain(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("- a list\n")
    with pytest.raises(ConfigError, match=r"mapping of settings.*--write"):
        plain(tmp_path / "params.yaml")


def test_the_first_difference_is_named() -> None:
    assert first_difference({"a": {"b": [1]}}, {"a": {"b": [1]}}) is None
    assert first_difference({"a": {"b": [1]}}, {"a": {"b": [2]}}) == "a.b"
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}) == "a.c"
    assert first_difference({"a": {}}, {"a": None}) == "a"


@pytest.mark.parametrize("experiment", names("experiment"))
def test_every_experiment_composes(experiment: str) -> None:
    settings = read_settings(values(f"experiment={experiment}"))
    assert settings.grid.sample == "english"
    assert settings.grid.probe == tuple(settings.probes)
    assert settings.grid.model == tuple(settings.models)


@pytest.mark.parametrize(
    ("experiment", "probes", "models", "hooks"),
    [("main", 1, 1, 1), ("layers", 5, 1, 5), ("two_models", 2, 2, 2), ("smoke", 1, 1, 1)],
)
def test_experiments_are_over_probes(experiment: str, probes: int, models: int, hooks: int) -> None:
    axes = values(f"experiment={experiment}")["axes"]
    assert [len(axes[name]) for name in ("probe", "model", "hook")] == [probes, models, hooks]


@pytest.mark.parametrize("model", names("model"))
@pytest.mark.parametrize("experiment", ["main", "ood"])
def test_every_model_replaces_the_default_probe(model: str, experiment: str) -> None:
    settings = read_settings(values(f"model={model}", f"experiment={experiment}"))
    assert settings.grid.model == (model,) and list(settings.models) == [model]
    assert {probe.model for probe in settings.probes.values()} == {model}


def test_a_model_joins_the_probes_that_an_experiment_chooses() -> None:
    settings = read_settings(values("model=gpt2-small", "experiment=smoke"))
    assert settings.grid.probe == ("tiny", "gpt2-small-res-jb")


def test_an_experiment_may_choose_a_model(tmp_path: Path) -> None:
    """As files of conf/experiment did before there were probes."""
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    (conf / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: [tiny]\n"
    )
    with initialize_config_dir(str(conf), version_base=None):
        config = compose("config", overrides=["experiment=mine"])
    assert list(config.probes) == ["tiny"] and list(config.models) == ["tiny"]


@pytest.mark.parametrize("probe", names("probe"))
@pytest.mark.parametrize("experiment", ["main", "smoke", "layers"])
def test_every_probe_replaces_the_list(probe: str, experiment: str) -> None:
    settings = read_settings(values(f"probe=[{probe}]", f"experiment={experiment}"))
    assert settings.grid.probe == (probe,) and list(settings.probes) == [probe]
    assert list(settings.models) == [settings.probes[probe].model]


def test_probes_are_chosen_in_the_order_in_which_they_are_given() -> None:
    chosen = ["gpt2-small-res-jb", "tiny"]
    params = values(f"probe=[{','.join(chosen)}]")
    assert params["grid"]["probe"] == chosen == list(params["probes"])
    assert [entry["probe"] for entry in params["axes"]["probe"]] == chosen


@pytest.mark.parametrize("group", ["probe", "model"])
def test_nothing_chosen_is_a_sentence(group: str) -> None:
    with pytest.raises(ConfigError, match=r"models = \{\} must hold at least one"):
        read_settings(values(*{"probe": ["probe=[]"], "model": ["model=[]", "probe=[]"]}[group]))


def test_one_probe_may_be_given_without_brackets() -> None:
    assert values("probe=tiny") == values("probe=[tiny]")


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


def test_an_unknown_choice_lists_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="smollm2-135m") as caught:
        composed(["model=gpt5"])
    assert "gpt5" in str(caught.value)


@pytest.mark.parametrize("group", ["experiment", "corpus", "tracking", "probe", "model"])
def test_an_unknown_choice_of_any_group_lists_those_that_exist(group: str) -> None:
    with pytest.raises(ConfigError, match="nowhere") as caught:
        composed([f"{group}=nowhere"])
    assert all(name in str(caught.value) for name in names(group))


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
        ("grid.ablation_tokens=200000", "at most the 100000 tokens"),
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


def test_the_sweep_belongs_to_the_sample_alone() -> None:
    grid = read_settings(values()).grid
    assert grid.further() == grid.sweep + grid.ablation + grid.pool
    assert grid.on_whole_sample() == grid.proxy + grid.sweep
    assert grid.n_tokens("sae", 100_096) == 100_096
    assert grid.n_tokens("sae_all", 100_096) == grid.ablation_tokens == 12_800


def test_overrides_that_would_be_ignored_are_refused(monkeypatch, capsys):
    from stages import check_params

    monkeypatch.setattr("sys.argv", ["check_params", "bound.failure_prob=0.1"])
    with pytest.raises(SystemExit) as ended:
        check_params.main()
    assert ended.value.code == 2 and "overrides need --write" in capsys.readouterr().err
