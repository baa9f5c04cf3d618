"""The one reader of settings: what it takes, what it refuses and in which words; and that whatever
YAML can hold ends in settings or in a ConfigError."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from semdim.bounds.spec import BoundSpec
from semdim.bounds.surface import SurfaceSpec
from semdim.errors import ConfigError
from semdim.fields import SettingError, check, names, read, setting
from semdim.forward.spec import EngineSpec
from semdim.models.spec import ModelSource
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec
from semdim.tracking import TrackingSpec
from semdim.training.params import compose_training, read_training_settings
from semdim.training.spec import DataSpec, DictionarySpec, OptimiserSpec
from semdim.uncertainty.spec import UncertaintySpec

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Wheel:
    """Nested settings."""

    radius: float = setting(above=0, at_most=2)
    spokes: int = setting(32, at_least=0)

    def __post_init__(self) -> None:
        check(self, "wheel")
        if self.radius < 1 and self.spokes > 40:
            raise SettingError("wheel", f"spokes = {self.spokes} must be at most 40 here.")


@dataclass(frozen=True)
class Bicycle:
    """Settings of every type."""

    name: str
    wheel: Wheel
    colour: Literal["red", "green"] = "red"
    gears: tuple[int, ...] = setting((1,), at_least=1, one_is_a_list=True, ascending=True)
    tags: tuple[str, ...] = setting((), distinct=True)
    owner: str | None = None
    weight: float | None = setting(9.0, above=0, below=99)
    is_new: bool = True
    spares: dict[str, Wheel] | None = None
    anything: Any = None


GIVEN = {"name": "a", "wheel": {"radius": 1}}


def bicycle(**changes: Any) -> Bicycle:
    return read(Bicycle, GIVEN | changes, "bike")


def test_every_type_is_read() -> None:
    assert bicycle() == Bicycle("a", Wheel(1.0))
    assert isinstance(bicycle().wheel.radius, float)
    read_all = bicycle(
        colour="green", gears=[1, 3.0], tags=["x"], owner="b", weight=7, is_new=False,
        spares={"front": {"radius": 0.5, "spokes": 36}}, anything={"x": [1]},
    )  # fmt: skip
    assert read_all == Bicycle(
        "a", Wheel(1.0), "green", (1, 3), ("x",), "b", 7.0, False, {"front": Wheel(0.5, 36)},
        {"x": [1]},
    )  # fmt: skip
    assert [type(gear) for gear in read_all.gears] == [int, int]
    assert bicycle(gears=4).gears == (4,)


def test_null_is_the_default_or_none_where_that_is_possible() -> None:
    assert bicycle(colour=None, gears=None, is_new=None) == bicycle()
    assert bicycle(weight=None).weight is None and bicycle().weight == 9.0
    with pytest.raises(ConfigError, match=r"bike\.name = null must be a text"):
        bicycle(name=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colur": 1}, "bike has no setting 'colur'; it has name, .* Did you mean 'colour'?"),
        ({7: 1}, "bike has no setting '7'"),
        ({"name": 3}, "bike.name = 3 must be a text."),
        ({"wheel": None}, "bike.wheel = null must be a mapping of settings."),
        ({"wheel": 5}, "bike.wheel = 5 must be a mapping of settings."),
        ({"wheel": {}}, "bike.wheel lacks radius (a number above 0 and at most 2)."),
        ({"wheel": {"radius": 3}}, "bike.wheel.radius = 3 must be a number above 0 and at most 2."),
        ({"wheel": {"radius": True}}, "bike.wheel.radius = True must be a number"),
        ({"wheel": {"radius": "1"}}, "bike.wheel.radius = '1' must be a number"),
        (
            {"wheel": {"radius": math.nan}},
            "radius = nan must be a number .*, and finite",
        ),
        (
            {"wheel": {"radius": 0.5, "spokes": 50}},
            "bike.wheel.spokes = 50 must be at most 40",
        ),
        ({"wheel": {"radius": 1, "spokes": 1.5}}, "bike.wheel.spokes = 1.5 must be a whole number"),
        (
            {"colour": "gren"},
            "bike.colour = 'gren' must be one of red, .* mean 'green'?",
        ),
        ({"colour": []}, "bike.colour = [] must be one of red, green."),
        ({"gears": [1, 0]}, "bike.gears[1] = 0 must be a whole number of at least 1."),
        ({"gears": "12"}, "bike.gears = '12' must be a whole number of at least 1."),
        ({"gears": [3, 2]}, "bike.gears = [3, 2] must ascend without repeats."),
        ({"gears": [2, 2]}, "bike.gears = [2, 2] must ascend without repeats."),
        ({"tags": "x"}, "bike.tags = 'x' must be a list, each entry a text."),
        ({"tags": ["x", "x"]}, "bike.tags = ['x', 'x'] must not hold any value twice."),
        ({"owner": False}, "bike.owner = False must be a text."),
        ({"weight": 99}, "bike.weight = 99 must be a number strictly between 0 and 99."),
        ({"weight": 10**400}, "bike.weight = 1000"),
        ({"is_new": 1}, "bike.is_new = 1 must be true or false."),
        ({"spares": {"a": {"radius": 0}}}, "bike.spares.a.radius = 0 must be a number"),
        ({"spares": {1: {"radius": 1}}}, "bike.spares = {1: {'radius': 1}} must be a mapping"),
        ({"name": ["x" * 500]}, "x... must be a text."),
    ],
)
def test_what_is_not_possible_is_refused_by_name(changes: dict[Any, Any], message: str) -> None:
    parts = message.split(".*")
    with pytest.raises(ConfigError) as caught:
        read(Bicycle, GIVEN | changes, "bike")
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_number_that_python_does_not_print_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"weight = a number of thousands of digits must be"):
        bicycle(weight=10**5000)


def test_a_file_without_a_name_is_called_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^wheel\.radius = 0 must be"):
        read(Bicycle, {"name": "a", "wheel": {"radius": 0}}, "")
    with pytest.raises(
        ConfigError, match=r"^The file lacks name \(a text\), wheel \(a mapping of settings"
    ):
        read(Bicycle, {}, "")
    with pytest.raises(ConfigError, match=r"^The file = \[\] must be a mapping of settings"):
        read(Bicycle, [], "")


def test_settings_that_are_built_in_python_are_checked_as_well() -> None:
    with pytest.raises(SettingError, match=r"wheel\.radius = 9\.0 must be a number above 0"):
        Wheel(9.0)
    assert names(Wheel) == ("radius", "spokes")


@cache
def _training() -> dict[str, Any]:
    composed = yaml.safe_load(compose_training(ROOT / "conf", ["text.path=x.parquet"]))
    assert isinstance(composed, dict)
    return composed


TINY = {
    "kind": "random", "architecture": "llama", "n_layers": 2, "d_model": 32, "n_heads": 4,
    "vocab_size": 512, "n_context": 64, "seed": 0,
}  # fmt: skip
RANDOM_SAE = {
    "kind": "random", "d_in": 4, "dict_size": 8, "hook_name": "blocks.1.hook_resid_post",
    "model_name": "m", "activation_norm": 1.0, "mean_n_active": 2.0, "seed": 0,
}  # fmt: skip
FILES = {"kind": "files", "path": "x"}
SPECS: list[tuple[Any, dict[str, Any]]] = [
    (BoundSpec, {}),
    (SurfaceSpec, {}),
    (UncertaintySpec, {}),
    (EngineSpec, {}),
    (TrackingSpec, {}),
    (DataSpec, {"n_tokens": 1000}),
    (DictionarySpec, {"dict_size": 100}),
    (OptimiserSpec, {}),
    (ModelSource, TINY),
    (ModelSource, {"kind": "hub", "repo": "a/b"}),
    (SAESource, RANDOM_SAE),
    (SAESource, {"kind": "folder", "path": "x"}),
    (CorpusSpec, FILES),
    (CorpusSpec, {"kind": "random"}),
    (CorpusSpec, {"kind": "gensim_english"}),
    (CorpusSpec, {"kind": "datasets", "path": "a/b"}),
    (CorpusSpec, {"kind": "parquet", "path": "x"}),
    (CorpusSpec, {"kind": "replaced", "base": FILES}),
    (CorpusSpec, {"kind": "shuffled", "base": FILES}),
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([10**400, "id", "model", "inf", 1e308, 0.5, 1, 16, 1000]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("cls", "valid"), SPECS, ids=[f"{cls.__name__}-{v.get('kind', '')}" for cls, v in SPECS]
)
@given(data=st.data())
def test_any_value_ends_in_settings_or_in_a_sentence(
    cls: Any, valid: dict[str, Any], data: st.DataObject
) -> None:
    known = names(type(read(cls, valid, "here")))
    key = data.draw(st.sampled_from([*known, "unknown"]))
    value = data.draw(VALUES)
    try:
        assert isinstance(read(cls, valid | {key: value}, "here"), cls)
    except ConfigError as error:
        assert "here" in str(error)


@given(data=st.data())
def test_any_value_in_the_settings_of_training_ends_in_a_sentence(data: st.DataObject) -> None:
    params = _training()
    key = data.draw(st.sampled_from(sorted(params)))
    section, value = params[key], data.draw(VALUES)
    if isinstance(section, dict) and data.draw(st.booleans()):
        value = section | {data.draw(st.sampled_from([*section, "unknown"])): value}
    try:
        read_training_settings(params | {key: value})
    except ConfigError as error:
        assert key in str(error)
