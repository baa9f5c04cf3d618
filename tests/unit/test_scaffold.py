"""`semdim init`: a folder of the pipeline, and what its stages depend on there."""

import shutil
import subprocess
import sys
import zipfile

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
    with pytest.raises(ConfigError, match=r"name a(nother)? folder"):
        scaffold.write_pipeline(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_says_what_comes_next(tmp_path):
    result = CliRunner().invoke(app, ["init", str(tmp_path / "mine")])
    assert result.exit_code == 0, result.output
    assert "dvc repro" in result.output
    again = CliRunner().invoke(app, ["init", str(tmp_path / "mine")])
    assert again.exit_code == 1


@pytest.mark.slow
def test_the_wheel_carries_the_pipeline(tmp_path):
    """Built from a copy, so that nothing is left in the clone."""
    copy = tmp_path / "clone"
    names = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "src"]
    for name in [*names, *scaffold.LIST.read_text().split()]:
        origin = ROOT / name
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, copy / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copyfile(origin, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), str(copy)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    code = (
        "from semdim import scaffold; from pathlib import Path; "
        "print(scaffold.source_folder()); scaffold.write_pipeline(Path('mine'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(installed / "semdim" / "pipeline")
    assert (tmp_path / "mine" / "stages" / "tokenize.py").is_file()
    assert (installed / "hydra_plugins" / "semdim_axes.py").is_file()
