"""Points of a sweep: what they share, what contradicts itself, and how their rows come together."""

import json
from pathlib import Path

import pandas as pd
import pytest

from semdim.errors import ConfigError
from semdim.flat import flattened
from stages.support.points import (
    collect,
    parse,
    predeclared,
    refuse,
    refuse_contradictions,
    write_row,
)

BOUND = {
    "n_tokens": [1000, 2000],
    "smoothing": 0.5,
    "smoothing_grid": [],
    "pay_for_n_grid": True,
}


@pytest.mark.parametrize(
    ("line", "points"),
    [
        ("bound.k=4,8", None),  # every point computes the whole grid itself
        ("bound.n_tokens=[320]", None),  # no sweep
        ("bound.n_tokens=320,1600,6400 bound.k=4,8", 3),
        ("bound.n_tokens=[320,1600],[1600,6400]", 3),
        ("bound.n_tokens=range(100,400,100)", 3),
        ("bound.n_tokens=320,1600 bound.smoothing=0.1,0.5", 4),
        ("bound.smoothing=0.1,0.5", 4),  # two sizes stand in params.yaml
        ("bound.smoothing=0.1,0.5 bound.smoothing_grid=[0.2,0.5]", 6),
        ("bound.n_tokens=320,1600 bound.pay_for_n_grid=false", 1),
        ("bound.n_tokens=320,1600 bound.n_predeclared=9", None),
    ],
)
def test_points_of_a_sweep_share_delta(line: str, points: int | None) -> None:
    assert predeclared(parse(["-m", *line.split()]), BOUND) == points


@pytest.mark.parametrize(
    "line",
    ["bound.k=4 bound.k=8", "model=tiny model=gpt2-small", "+x=1 x=2", "bound.k=4,8 bound.k=4"],
)
def test_two_values_for_one_setting_are_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=r"given twice.*keep one"):
        refuse_contradictions(parse(line.split()))


def test_the_same_value_twice_is_no_contradiction() -> None:
    refuse_contradictions(parse(["-m", "bound.k=4", "bound.k=4", "splice=all", "--cfg=job"]))


def test_rows_come_in_the_order_of_the_sweep_with_the_whole_configuration(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        params = {"bound": {"k": number, "topk_grid": [4, 8]}, "seed": 0}
        write_row(tmp_path / str(number), {"total": number / 3}, params)
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
