"""Settings: composed from conf/training, refused with a sentence when they cannot be."""

from pathlib import Path

import pytest
import yaml

from semdim.errors import ConfigError
from semdim.fields import read
from semdim.training.params import compose_training, read_training_settings
from semdim.training.spec import DataSpec, DictionarySpec, OptimiserSpec

ROOT = Path(__file__).resolve().parents[2]


def params(*overrides: str) -> dict:
    text = compose_training(ROOT / "conf", ["text.path=somewhere.parquet", *overrides])
    return yaml.safe_load(text)


def test_the_committed_params_are_the_composition():
    committed = (ROOT / "training" / "params.yaml").read_text()
    assert committed == compose_training(ROOT / "conf", [])


@pytest.mark.parametrize("run", ["smollm2-135m_layer15", "gemma-3-270m_layer9", "tiny"])
def test_every_preset_is_possible(run):
    settings = read_training_settings(params(f"training/run={run}"))
    assert settings.name == run
    assert run.startswith(settings.model)
    assert settings.certificate["english"].kind == "gensim_english" and not settings.evaluation


def test_a_text_that_nobody_named_is_asked_for():
    with pytest.raises(ConfigError, match=r"text\.path is not set"):
        read_training_settings(yaml.safe_load(compose_training(ROOT / "conf", [])))


def test_an_unknown_choice_is_named():
    with pytest.raises(ConfigError, match="no_such_run"):
        compose_training(ROOT / "conf", ["training/run=no_such_run"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dictionary.architecture=transcoder", "one of batchtopk, standard, gated, topk"),
        ("dictionary.n_active=20000", "between 0 and dict_size"),
        ("dictionary.dict_size=many", "dict_size = 'many' must be a whole number"),
        ("+dictionary.width=5", "dictionary has no setting 'width'"),
        (
            "+data.held_out_share=1.0",
            "held_out_share = 1.0 must be a number strictly",
        ),
        ("data.prefix_dtype=int8", "prefix_dtype = 'int8' must be one of"),
        ("optimiser.batch_tokens=0", "batch_tokens = 0 must be a whole number between 1 and"),
        ("~data.n_tokens", "data lacks n_tokens"),
        ("+optimiser.decay_share=0.99", "leave room for a plateau"),
        ("+surprise=1", "has no use for surprise"),
    ],
)
def test_impossible_settings_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        read_training_settings(params(override))


def test_sections_take_whole_numbers_where_they_want_fractions():
    assert read(DictionarySpec, {"dict_size": 8, "n_active": 2}, "dictionary").n_active == 2.0
    assert read(OptimiserSpec, {"max_minutes": None}, "optimiser").max_minutes is None
    assert read(OptimiserSpec, {"max_minutes": 5}, "optimiser").max_minutes == 5
    with pytest.raises(ConfigError, match=r"data\.n_tokens = 1\.5 must be a whole number"):
        read(DataSpec, {"n_tokens": 1.5}, "data")
    with pytest.raises(ConfigError, match=r"data\.prepend_bos = 'yes' must be true or false"):
        read(DataSpec, {"n_tokens": 5, "prepend_bos": "yes"}, "data")
