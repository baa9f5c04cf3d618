"""An offline run is written, read back with wandb's own reader, and holds what it should."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from semdim import tracking
from semdim.errors import ConfigError
from semdim.tracking import TrackingSpec, git_commit, lock_hashes, start

WANDB = Path(sys.executable).with_name("wandb")
LEDGER = "outputs/probes/tiny/ledger/english.parquet"
LOCK = """schema: '2.0'
stages:
  write_ledger@probe0-english:
    cmd: python -m stages.write_ledger
    deps:
    - {path: outputs/probes/tiny/atom_order, hash: md5, md5: aa.dir, size: 1, nfiles: 2}
    outs:
    - {path: outputs/probes/tiny/ledger/english.parquet, hash: md5, md5: MD5, size: 4}
"""


def inspected(folder: Path, *options: str) -> str:
    """What `wandb leet inspect` says of the one run below `folder`."""
    found = list(folder.rglob("*.wandb"))
    assert len(found) == 1
    command = [str(WANDB), "leet", "inspect", "--json", str(found[0]), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def summary_of(folder: Path) -> dict[str, Any]:
    """The summary of the one run below `folder`."""
    found: dict[str, Any] = json.loads(inspected(folder, "--summary"))
    return found


def read_back(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Its summary, and its records."""
    return summary_of(folder), [json.loads(line) for line in inspected(folder).splitlines()]


def of_type(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record[kind] for record in records if record["type"] == kind]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home" / name))
    monkeypatch.chdir(tmp_path)
    return []


def test_an_offline_run_is_read_back(tmp_path: Path, said: list[str]) -> None:
    import matplotlib.pyplot as plt

    ledger = tmp_path / LEDGER
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"rows")
    md5 = hashlib.md5(b"rows").hexdigest()
    (tmp_path / "dvc.lock").write_text(LOCK.replace("MD5", md5))
    plt.imsave(tmp_path / "bound_vs_n.png", [[0.0, 1.0]])
    config = {"bound": {"k": 8}, "git_commit": "abc", "models": {"gpt2.x": {"a": None}}}
    run = start(
        TrackingSpec("offline", "bounds", "my-try"),
        job_type="assemble_bound",
        name="assemble_bound tiny",
        config=config,
        say=said.append,
        lock=lock_hashes(tmp_path / "dvc.lock"),
    )
    curve = pd.DataFrame({"n_tokens": [10, 100], "holdout": [9.0, 7.0], "late": [None, 1.0]})
    run.curves(curve, "bound")
    run.table("ledger", pd.DataFrame({"column": ["nll_model"], "mean": [5.5], "std": [None]}))
    run.numbers({"n_tokens": 100, "holdout_total": 7.0, "crossing": None})
    run.figures([tmp_path / "bound_vs_n.png"])
    run.files("tiny-ledger", "ledger", [Path(LEDGER), Path("none")])
    run.finish()

    summary, records = read_back(tmp_path)
    assert summary["state"] == "finished" and summary["project"] == "bounds"
    assert summary["config"] == config
    assert summary["summary"]["holdout_total"] == 7.0
    table = summary["summary"]["ledger"]
    assert (table["_type"], table["nrows"], table["ncols"]) == ("table-file", 1, 3)
    assert summary["summary"]["figures/bound_vs_n"]["_type"] == "image-file"
    (started,) = of_type(records, "run")
    assert (started["run_group"], started["job_type"]) == ("my-try", "assemble_bound")
    metrics = {m.get("glob_name") or m["name"]: m for m in of_type(records, "metric")}
    assert metrics["bound/*"]["step_metric"] == "n_tokens"
    points = [entry["item"] for entry in of_type(records, "history")]
    drawn = [(p["n_tokens"], p["bound/holdout"]) for p in points if "bound/holdout" in p]
    assert drawn == [(10, 9.0), (100, 7.0)]
    assert "bound/late" not in points[0] and points[1]["bound/late"] == 1.0
    (artifact,) = [a for a in of_type(records, "artifact") if a["name"] == "tiny-ledger"]
    (entry,) = artifact["manifest"]["contents"]
    assert entry["ref"] == ledger.as_uri()
    assert base64.b64decode(entry["digest"]).hex() == md5
    assert json.loads(artifact["metadata"]) == {"dvc": {LEDGER: md5}}
    (line,) = said
    folder = tmp_path / line.removeprefix("tracked offline; to upload it: wandb sync ")
    assert folder.is_dir() and list(folder.glob("*.wandb"))


def test_a_server_that_is_not_there_leaves_an_offline_run(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    wandb.teardown()  # so that the environment is read again
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(tracking, "PATIENCE", 2)
    run = start(TrackingSpec("online"), job_type="x", config={}, say=said.append)
    run.numbers({"total": 3.0})
    run.finish()
    assert "cannot be used online" in said[0] and "wandb sync" in said[-1]
    offline = [path for path in (tmp_path / "wandb").glob("offline-run-*") if path.is_dir()]
    summary, records = read_back(offline[-1])
    assert summary["summary"]["total"] == 3.0
    assert of_type(records, "run")[0]["run_group"] == "repro"


@pytest.mark.parametrize("call", ["log", "define_metric", "log_artifact", "finish"])
def test_a_run_goes_on_when_wandb_fails_after_it_opened(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whatever raises: it is told once, the rest is skipped, and what is there can be uploaded."""
    import wandb

    wandb.teardown()  # so that the folder is this test's
    run = start(TrackingSpec("offline"), job_type="x", config={}, say=said.append)
    run.numbers({"before": 1.0})
    failures = []

    def fail(*_: object, **__: object) -> None:
        failures.append(call)
        raise ConnectionError("the service is gone\nwith many lines")

    finish = run.run.finish
    monkeypatch.setattr(run.run, call, fail)
    (tmp_path / "file").write_text("rows")
    run.curves(pd.DataFrame({"n_tokens": [1, 2], "a": [2.0, 1.0]}), "bound")
    run.table("t", pd.DataFrame({"a": [1]}))
    run.files("a", "b", [Path("file")])
    run.log({"a": 1.0}, step=1)
    run.numbers({"after": 1.0})
    run.finish()
    assert failures == [call]
    assert said[0] == "wandb failed (the service is gone); the run continues untracked"
    prefix = "to upload what was tracked so far: wandb sync "
    assert len(said) == 2 and said[1].startswith(prefix)
    if call == "finish":
        finish()
    assert list((tmp_path / said[1].removeprefix(prefix)).glob("*.wandb"))
    summary = summary_of(tmp_path)
    assert summary["summary"]["before"] == 1.0
    assert ("after" in summary["summary"]) == (call == "finish")


@pytest.mark.parametrize("switch", ["setting", "environment"])
def test_disabled_writes_nothing(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    mode = "disabled"
    if switch == "environment":
        monkeypatch.setenv("WANDB_MODE", "disabled")
        mode = "offline"
    run = start(TrackingSpec(mode), job_type="x", config={}, say=said.append)
    run.curves(pd.DataFrame({"n_tokens": [1], "a": [2.0]}), "bound")
    run.table("t", pd.DataFrame({"a": [1]}))
    run.numbers({"a": 1})
    run.figures([tmp_path / "no.png"])
    run.files("a", "b", [tmp_path / "no"])
    run.log({"a": 1.0}, step=1)
    run.finish()
    assert run.run is None and said == []
    assert not (tmp_path / "wandb").exists()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="offline, online, disabled"):
        TrackingSpec("sometimes")


def test_hashes_and_commit_are_those_of_dvc_and_git(tmp_path: Path, said: list[str]) -> None:
    assert lock_hashes(tmp_path / "dvc.lock") == {}
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert lock_hashes(tmp_path / "dvc.lock") == {
        "outputs/probes/tiny/atom_order": "aa.dir",
        LEDGER: "MD5",
    }
    if shutil.which("git"):
        assert git_commit() is None  # tmp_path is in no repository
