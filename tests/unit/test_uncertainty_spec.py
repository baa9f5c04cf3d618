"""The settings, and that conf/ offers exactly them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from semdim.errors import ConfigError
from semdim.uncertainty.spec import UncertaintySpec

CONF = Path(__file__).parents[2] / "conf" / "uncertainty" / "default.yaml"


def test_the_configuration_file_spells_out_the_defaults() -> None:
    text = CONF.read_text()
    assert text.startswith("# @package uncertainty\n")
    assert yaml.safe_load(text) == json.loads(json.dumps(asdict(UncertaintySpec())))
    assert UncertaintySpec.from_mapping(yaml.safe_load(text)) == UncertaintySpec()


def test_an_unknown_setting_is_named_with_what_was_probably_meant() -> None:
    with pytest.raises(ConfigError, match=r"'false_alarms'.*mean 'false_alarm_rate'"):
        UncertaintySpec.from_mapping({"false_alarms": 0.1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fit_share", 0),
        ("fit_share", 1.0),
        ("false_alarm_rate", "0.05"),
        ("false_alarm_rate", float("nan")),
        ("confidence", True),
        ("n_resamples", 19),
        ("n_resamples", 100.5),
        ("window", 0),
        ("n_splits", 1),
        ("fixed_threshold", 0),
        ("histogram_bins", False),
        ("roc_points", 1),
    ],
)
def test_a_value_of_the_wrong_kind_or_size_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"uncertainty\.{name} = .* must be"):
        UncertaintySpec.from_mapping({name: value})


def test_a_neighbour_beyond_the_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"uncertainty\.neighbour = 9 must be at most"):
        UncertaintySpec.from_mapping({"neighbour": 9, "neighbour_tokens": 8})
