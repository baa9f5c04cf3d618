"""After an experiment: its settings are kept in conf/, or dropped, and both are said."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.commands.experiments.show import show_experiments
from dvc.compare import TabularData

from semdim.errors import ConfigError
from stages.support.configuration import checked, composed, plain
from stages.support.keep import default_experiment, differing, keep, merged

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path / "conf"


def params(folder: Path, *overrides: str) -> Path:
    """params.yaml as an experiment leaves it."""
    path = folder / "params.yaml"
    path.write_text(composed(list(overrides)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "overrides",
    [
        ("bound.failure_prob=0.01",),
        ("bound.k=32", "seed=7", "splice=all", "bound.windows_per_document=2"),
        ("grid.sweep=[topk_16,topk_32]", "bound.topk_grid=[16]"),
        ("tokens.max_sequences_per_document=null", "engine.store_activations=false"),
        ("corpora.english.n_tokens=50000", "bound.n_tokens=[1000,50000]"),
    ],
)
def test_the_values_of_an_experiment_are_kept(
    tmp_path: Path, conf: Path, overrides: tuple[str, ...]
) -> None:
    path = params(tmp_path, *overrides)
    written = keep(path, conf)
    assert written == conf / "experiment/main.yaml"
    assert plain(composed(conf=conf)) == plain(path)
    assert written.read_text().startswith("# @package _global_\n# The default run")
    with pytest.raises(ConfigError, match="nothing to keep"):
        keep(path, conf)


def test_what_was_kept_before_stays(tmp_path: Path, conf: Path) -> None:
    keep(params(tmp_path, "bound.k=32"), conf)
    both = params(tmp_path, "bound.k=32", "bound.failure_prob=0.01")
    keep(both, conf)
    assert plain(composed(conf=conf)) == plain(both)


@pytest.mark.parametrize("choice", ["model=tiny", "corpus=[english,random]", "experiment=smoke"])
def test_another_choice_is_refused_and_changes_nothing(
    tmp_path: Path, conf: Path, choice: str
) -> None:
    before = (conf / "experiment/main.yaml").read_bytes()
    with pytest.raises(ConfigError, match=r"another choice of models.*defaults of conf/config"):
        keep(params(tmp_path, choice), conf)
    assert (conf / "experiment/main.yaml").read_bytes() == before


def test_the_experiment_is_the_one_that_the_configuration_chooses(conf: Path) -> None:
    assert default_experiment(conf) == "main"
    text = (conf / "config.yaml").read_text()
    (conf / "config.yaml").write_text(text.replace("- experiment: main", ""))
    with pytest.raises(ConfigError, match="chooses no experiment"):
        default_experiment(conf)


def test_what_differs_is_nested_and_merges_back() -> None:
    old: dict[str, Any] = {"a": {"b": 1, "c": [1]}, "d": 2, "axes": 1}
    new: dict[str, Any] = {"a": {"b": 1, "c": [2], "e": None}, "d": 2, "axes": 2}
    changes = differing(old, new)
    assert changes == {"a": {"c": [2], "e": None}}
    assert merged(old, changes) == {**new, "axes": 1}


def test_after_an_experiment_both_ways_are_told() -> None:
    with pytest.raises(ConfigError) as caught:
        checked(plain(composed(["bound.failure_prob=0.01"])), must_be_composed=True)
    message = str(caught.value)
    assert "differ in bound.failure_prob" in message
    assert "`python -m stages.check_params --keep`" in message
    assert "`python -m stages.check_params --write`" in message


def test_a_choice_is_not_to_be_kept_as_a_value() -> None:
    with pytest.raises(
        ConfigError, match=r"axes\.\w+.*defaults of conf/config\.yaml, drop"
    ) as told:
        checked(plain(composed(["experiment=smoke"])), must_be_composed=True)
    assert "--keep" not in str(told.value)


def test_the_documented_line_keeps_the_metrics_of_two_probes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"dvc exp show .*--drop '([^']+)'", page)
    metrics = [f"results/probes/{probe}/metrics.json:holdout" for probe in ("a", "b")]
    hashes = ["results/probes/a", "src/semdim/fields.py", "stages/plot.py", "outputs/inputs"]
    frame = ["Experiment", "rev", "typ", "parent", "State", "Executor", "Created"]
    table = TabularData([*frame, *metrics, "holdout", "bound.k", *hashes], fill_value="-")
    values = ["main", "workspace", "baseline", "", "", "", "", "1", "2", "3", "4", *"5678"]
    table.extend([values])
    headers = {"metrics": metrics, "params": ["bound.k"], "deps": hashes}
    show_experiments(table, headers, drop=[pattern], markdown=True, pager=False)
    shown = capsys.readouterr().out.splitlines()[0]
    assert all(name in shown for name in [*metrics, "holdout", "bound.k"])
    assert not any(f"| {name} " in shown for name in hashes)
