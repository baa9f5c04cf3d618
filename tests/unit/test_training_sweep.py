"""Short runs that differ in one setting, on the tiny untrained model."""

import pytest

from semdim.errors import ConfigError
from semdim.training.sweep import parse_variations, sweep, varied
from tests.unit.test_training_run import settings, text  # noqa: F401 - text is a fixture


def test_variations_are_read_one_by_one():
    assert parse_variations(["optimiser.learning_rate=0.001,3e-3", "dictionary.dict_size=64"]) == [
        ("optimiser.learning_rate", 0.001),
        ("optimiser.learning_rate", 0.003),
        ("dictionary.dict_size", 64),
    ]


@pytest.mark.parametrize("given", ["data.context=3", "optimiser.rate=1", "optimiser.batch_tokens"])
def test_what_is_no_variation_is_refused(given):
    with pytest.raises(ConfigError, match="is not a variation"):
        parse_variations([given])


def test_a_value_that_is_not_possible_is_refused(text):  # noqa: F811
    with pytest.raises(ConfigError, match="learning_rate = -1 must be a number above 0"):
        varied(settings(text), ("optimiser.learning_rate", -1))


def test_a_sweep_gives_a_row_for_each_run(text, tmp_path):  # noqa: F811
    base = settings(text, "data.shard_windows=16")
    variations = [("optimiser.learning_rate", 1e-9), ("dictionary.n_active", 16)]
    rows = list(sweep(base, variations, 4, tmp_path, lambda _: None))
    assert [row["setting"] for row in rows] == ["as configured", *(name for name, _ in variations)]
    plain, frozen, denser = (row["explained_variance"] for row in rows)
    assert frozen < plain and denser not in (plain, frozen)
    assert [round(row["n_active"]) for row in rows] == pytest.approx([8, 8, 16], abs=2)
    assert all(row["abs_gap"] > 0 for row in rows)
    assert len({row["steps"] for row in rows}) == 1
    assert not (tmp_path / "models").exists(), "a sweep ships nothing"
    with pytest.raises(ConfigError, match="windows fill"):
        list(sweep(base, [], 99, tmp_path, lambda _: None))
