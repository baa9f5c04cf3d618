"""A short campaign, and the page that tells of the long one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import report
from tests.faults.campaign import TRIALS
from tests.faults.rows import Row, Rows
from tests.faults.workspace import ROOT, make

pytestmark = pytest.mark.slow


def test_a_short_campaign_survives() -> None:
    """Some crash points, a full and a read-only disk, a flipped byte, at two stages; the others,
    and the trials of the whole pipeline, which take ten minutes: make faults."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--no-record", "--stride", "16",
         "--only", "prepare_sae", "cache_activations", "--trials", *TRIALS],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "survived" in done.stdout


def test_the_page_tells_what_the_recorded_campaign_found() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page == report.in_step(page)
    recorded = json.loads(report.RESULTS.read_text(encoding="utf-8"))
    assert sum(row["tried"] for row in recorded["rows"]) > 0
    for row in recorded["rows"]:
        assert row["tried"] - row["survived"] == len(row["failures"])


def test_a_row_counts_what_fails() -> None:
    row = Row("a kill")
    row.count(None)
    row.count("encode_codes, change 3: manifest.json differs")
    assert (row.tried, row.survived, len(row.failures)) == (2, 1, 1)


def test_rows_that_a_campaign_did_not_try_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "reliability.json")
    rows = Rows()
    rows.take([("a kill", None), ("a full disk", "tokenize: it hangs"), ("a kill", None)])
    report.save(rows.by_what.values(), "one in 8")
    again = Rows()
    again.take([("a full disk", None)])
    report.save(again.by_what.values(), "all")
    lines = [line.split(" | ")[:4] for line in report.table().splitlines()[2:]]
    assert lines == [["| a kill", "one in 8", "2", "2"], ["| a full disk", "all", "1", "1"]]


def test_the_units_are_those_of_the_pipeline(tmp_path) -> None:
    stages = make(tmp_path)
    assert {stage.module for stage in stages} >= {"stages.check_params", "stages.report"}
    written: set[str] = set()
    for stage in stages:
        known = {dep for dep in stage.deps if any(_covers(out, dep) for out in written)}
        assert known == set(stage.deps), stage
        written |= set(stage.outs)


def _covers(out: str, dep: str) -> bool:
    return dep == out or dep.startswith(f"{out}/") or out.startswith(f"{dep}/")
