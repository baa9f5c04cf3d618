"""Points of a sweep: what they know of each other, what contradicts itself, how rows are joined."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from semdim.artifacts.shards import write_json
from semdim.errors import ConfigError
from semdim.flat import flattened
from stages.support.points import (
    collect,
    parse,
    refuse,
    refuse_contradictions,
    swept_values,
)
from stages.support.run import ROW
from stages.support.startup import completed


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("bound.k=4,8", {"bound.k": [4, 8]}),
        ("bound.n_tokens=[320,1600] unit.probe=tiny", {}),  # no sweep: every point has this value
        ("bound.n_tokens=[320,1600],[6400] bound.k=4", {"bound.n_tokens": [[320, 1600], [6400]]}),
        ("bound.n_tokens=range(100,400,100)", {"bound.n_tokens": [100, 200, 300]}),
        ("bound.smoothing=0.1,0.5 seed=1,2", {"bound.smoothing": [0.1, 0.5], "seed": [1, 2]}),
        ("+bound.k=null,4", {"bound.k": [None, 4]}),
        ("a='x',y b=[1,'z'],{c:'d'}", {"a": ["x", "y"], "b": [[1, "z"], {"c": "d"}]}),
        ("bound=*", {}),
    ],
)
def test_a_point_is_told_every_value_of_the_sweep(line: str, values: dict[str, Any]) -> None:
    assert swept_values(parse(line.split())) == values


def test_the_command_line_of_a_sweep_carries_its_values_through_hydra() -> None:
    line = ["-m", "unit.probe=tiny", "bound.smoothing=0.1,0.5", r"models.tiny.name='it\'s','b'"]
    *same, last = completed(line)
    assert same == line
    (override,) = parse([last])
    assert override.get_key_element() == "unit.swept"
    assert json.loads(str(override.value())) == swept_values(parse(line))


def test_what_is_no_sweep_is_left_as_it_is() -> None:
    assert completed(["unit.probe=tiny", "bound.k=4"]) == ["unit.probe=tiny", "bound.k=4"]


@pytest.mark.parametrize(
    "line",
    ["bound.k=4 bound.k=8", "model=tiny model=gpt2-small", "+x=1 x=2", "bound.k=4,8 bound.k=4"],
)
def test_two_values_for_one_setting_are_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=r"given twice.*keep one"):
        refuse_contradictions(parse(line.split()))
    with pytest.raises(ConfigError, match="given twice"):
        completed(line.split())


def test_the_same_value_twice_is_no_contradiction() -> None:
    refuse_contradictions(parse(["-m", "bound.k=4", "bound.k=4", "splice=all", "--cfg=job"]))


def test_rows_come_in_the_order_of_the_sweep_with_the_whole_configuration(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        params = {"bound": {"k": number, "topk_grid": [4, 8]}, "seed": 0}
        row = {"results": {"total": number / 3}, "config": params}
        write_json(tmp_path / str(number) / ROW, row)
    refuse(tmp_path / "1", "no losses of topk_3")
    refuse(tmp_path / "3", "no losses of topk_3")
    (tmp_path / ".submitit").mkdir()
    out = tmp_path / "points.csv"
    assert collect(tmp_path, out) == (3, ["no losses of topk_3"])
    table = pd.read_csv(out)
    assert table["point"].tolist() == [0, 2, 10]
    assert table["bound.k"].tolist() == [0, 2, 10]
    assert set(table["bound.topk_grid"]) == {"[4, 8]"} and set(table["seed"]) == {0}
    assert table["total"].tolist() == pytest.approx([0, 2 / 3, 10 / 3])


def test_nothing_is_written_when_every_point_was_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "0", "why")
    assert collect(tmp_path, tmp_path / "points.csv") == (0, ["why"])
    assert not (tmp_path / "points.csv").exists()


def test_settings_are_flattened_without_loss() -> None:
    flat = flattened({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None})
    assert flat == {"a.b": 1, "a.c.d": json.dumps([1, 2]), "e": None}
