"""`semdim init`: a folder of the pipeline, and what its stages depend on there."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from semdim import scaffold
from semdim.commands.app import app
from semdim.errors import ConfigError
from semdim.paths import Paths
from stages import ROOT
from stages.support.dependencies import stage_modules
from stages.support.sources import code_of


def test_a_new_folder_holds_what_the_list_names(tmp_path):
    folder = tmp_path / "deep" / "mine"
    written = scaffold.write_pipeline(folder)
    assert {"conf", "stages", "dvc.yaml", "params.yaml", "models", "training"} <= set(written)
    assert (folder / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
    assert not list(folder.rglob("__pycache__"))
    assert "no_scm = true" in (folder / ".dvc" / "config").read_text()
    assert not [path for path in folder.parent.iterdir() if path != folder], "leftovers"


def test_every_stage_depends_on_the_record_of_its_code(tmp_path):
    scaffold.write_pipeline(tmp_path / "mine")
    for name in ("dvc.yaml", "training/dvc.yaml"):
        text = (tmp_path / "mine" / name).read_text()
        assert "src/semdim" not in text and "stages/" not in text
        modules = stage_modules(text)
        for stage, entry in yaml.safe_load(text)["stages"].items():
            deps = entry.get("deps", [])
            wanted = Paths().code(modules[stage]).as_posix()
            assert (wanted in deps) == (stage not in ("check_params", "check_training")), stage
        assert set(scaffold.modules_with_record(text)) <= set(modules.values())


def test_all_other_deps_stay(tmp_path):
    scaffold.write_pipeline(tmp_path / "mine")
    here = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    there = yaml.safe_load((tmp_path / "mine" / "dvc.yaml").read_text())["stages"]
    for stage, entry in here.items():
        data = [dep for dep in entry.get("deps", []) if dep.startswith(("outputs/", "results/"))]
        assert [d for d in there[stage].get("deps", []) if "inputs/code/" not in d] == data
        without = {key: value for key, value in there[stage].items() if key != "deps"}
        assert without == {key: value for key, value in entry.items() if key != "deps"}


def test_a_record_names_the_modules_that_a_stage_imports():
    record = code_of("stages.assemble_bound")
    assert "stages.assemble_bound" in record
    assert "semdim.bounds.assemble" in record
    assert all(len(digest) == 64 for digest in record.values())


def test_in_a_repository_the_pipeline_is_tracked_by_git(tmp_path):
    (tmp_path / ".git").mkdir()
    scaffold.write_pipeline(tmp_path / "mine")
    assert "no_scm" not in (tmp_path / "mine" / ".dvc" / "config").read_text()


@pytest.mark.parametrize("what", ["file", "full folder", "below a file"])
def test_a_folder_that_cannot_be_filled_is_refused_and_left_as_it_was(tmp_path, what):
    target = tmp_path / "there"
    if what == "full folder":
        target.mkdir()
        (target / "note.txt").write_text("mine")
    else:
        target.write_text("mine")
    folder = target / "deep" if what == "below a file" else target
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r"name a(nother| new or empty) folder"):
        scaffold.write_pipeline(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_that_a_shell_stands_in_stays_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    result = CliRunner().invoke(app, ["init", "."])
    assert result.exit_code == 0, result.output
    assert tmp_path.stat().st_ino == before and Path("dvc.yaml").is_file()
    assert "to this folder." in result.output and "cd ." not in result.output
    assert [path.name for path in tmp_path.parent.glob(".*.*")] == []


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(scaffold.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    with pytest.raises(ConfigError, match=r"takes \d+ MB, but 1 MB are free in"):
        scaffold.write_pipeline(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_is_told_in_a_sentence_and_nothing_is_left(tmp_path, monkeypatch):
    full = [(f"a/{n}", f"b/{n}", "[Errno 28] No space left on device") for n in range(40)]

    def copytree(*names, **options):
        raise shutil.Error(full)

    monkeypatch.setattr(scaffold.shutil, "copytree", copytree)
    with pytest.raises(ConfigError) as refused:
        scaffold.write_pipeline(tmp_path / "mine")
    assert "([Errno 28] No space left on device): name another" in str(refused.value)
    assert len(str(refused.value)) < 300 and not list(tmp_path.iterdir())


def test_what_cannot_be_moved_into_a_folder_is_taken_back(tmp_path, monkeypatch):
    rename, calls = Path.rename, []

    def fails_at_the_third(path, target):
        calls.append(path)
        if len(calls) == 3:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails_at_the_third)
    with pytest.raises(ConfigError, match="Permission denied"):
        scaffold.write_pipeline(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_the_command_says_what_comes_next(tmp_path):
    result = CliRunner().invoke(app, ["init", str(tmp_path / "mine")])
    assert result.exit_code == 0, result.output
    assert "dvc repro" in result.output
    again = CliRunner().invoke(app, ["init", str(tmp_path / "mine")])
    assert again.exit_code == 1
