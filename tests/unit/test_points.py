"""Points of a sweep: what they know of each other, what contradicts itself, how rows are joined."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from semdim.artifacts.shards import write_json
from semdim.errors import ConfigError
from semdim.flat import flattened, listed
from semdim.paths import Paths
from semdim.tracking import TrackingSpec
from stages.support.collected import collect, show, track, write
from stages.support.points import (
    parse,
    refuse,
    refuse_contradictions,
    swept_values,
)
from stages.support.run import ROW, Run, Unit
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


def sweep(folder: Path) -> None:
    """Three points that were computed, and two that were refused."""
    for number in (10, 2, 0):
        params = {"bound": {"k": number, "topk_grid": [4, 8]}, "seed": 0, "splice": "no_bos"}
        results = {"probe": "tiny", "total": number / 3, "n_tokens": 6400, "crossing": None}
        write_json(folder / str(number) / ROW, {"results": results, "config": params})
    refuse(folder / "1", "no losses of topk_3")
    refuse(folder / "3", "no losses of topk_3")
    (folder / ".submitit").mkdir()


def test_rows_come_in_the_order_of_the_sweep_with_what_is_swept_first(tmp_path: Path) -> None:
    sweep(tmp_path)
    found = collect(tmp_path, ["splice", "bound.k", "unknown"])
    assert found.refused == ("no losses of topk_3",)
    assert found.swept == ("splice", "bound.k")
    out = tmp_path / "points.csv"
    side = write(found, out)
    table = pd.read_csv(out)
    assert list(table)[:3] == ["point", "splice", "bound.k"]
    assert set(list(table)[3:]) == {"probe", "total", "n_tokens", "crossing"}
    assert table["point"].tolist() == table["bound.k"].tolist() == [0, 2, 10]
    assert table["total"].tolist() == pytest.approx([0, 2 / 3, 10 / 3])
    shared = yaml.safe_load(side.read_text())
    assert shared == {"bound": {"topk_grid": [4, 8]}, "seed": 0}


def test_a_setting_in_which_points_differ_is_a_column_without_being_asked(tmp_path: Path) -> None:
    sweep(tmp_path)
    assert collect(tmp_path).swept == ("bound.k",)


def test_a_sweep_ends_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(tmp_path)
    show(collect(tmp_path, ["splice"]))
    printed = capsys.readouterr().out
    assert all(part in printed for part in ("bound.k", "3.3333", "6,400"))
    assert "splice" not in printed
    assert "{" not in printed and "seed" not in printed


def test_a_sweep_is_one_tracked_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Log:
        def table(self, name: str, table: pd.DataFrame) -> None:
            started.append((name, table["total"].tolist()))

        def numbers(self, values: dict[str, int]) -> None:
            started.append(values)

        def finish(self) -> None:
            started.append("finished")

    def start(spec: TrackingSpec, **arguments: Any) -> Log:
        started.append((spec.mode, arguments["job_type"], arguments["name"]))
        return Log()

    monkeypatch.setattr("semdim.tracking.start", start)
    sweep(tmp_path)
    found = collect(tmp_path)
    found.settings["tracking"] = {"mode": "offline", "project": "mine", "group": None}
    track(found, tmp_path / "points.csv")
    assert started == [
        ("offline", "sweep", "sweep bound.k"),
        ("points", pytest.approx([0, 2 / 3, 10 / 3])),
        {"n_points": 3},
        "finished",
    ]


def test_nothing_is_collected_when_every_point_was_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "0", "why")
    found = collect(tmp_path)
    assert (found.rows, found.refused) == ([], ("why",))


def test_a_point_names_what_it_has_of_the_swept_settings() -> None:
    params = {"bound": {"k": 4, "n_tokens": [320, 1600]}, "probes": {"tiny": {}}}
    swept = json.dumps({"bound.k": [4, 8], "bound.n_tokens": [], "unit.probe": ["tiny"]})
    run = Run(params, Unit(probe="tiny", swept=swept), Paths(), "stages.assemble_bound")
    assert run.label == "tiny, bound.k = 4, bound.n_tokens = [320, 1600]"
    assert Run(params, Unit(probe="tiny"), Paths(), "x").label == "tiny"


def test_values_are_listed_in_words() -> None:
    values = {"n_tokens": 100_096, "k": {"english": 59.9641}, "auroc": None, "is_new": True}
    assert listed(values) == "n tokens 100,096, k.english 59.964, auroc –, is new True"


def test_settings_are_flattened_without_loss() -> None:
    flat = flattened({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None})
    assert flat == {"a.b": 1, "a.c.d": json.dumps([1, 2]), "e": None}
