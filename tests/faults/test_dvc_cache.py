"""A byte that flips in the cache of DVC, or an object that is deleted: nothing wrong is used."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.support.cached import cache_folder, remove_damaged

pytestmark = pytest.mark.slow

PIPELINE = """
stages:
  first: {cmd: mkdir -p d && cp in.txt d/x && cp in.txt y, deps: [in.txt], outs: [d, y]}
  second: {cmd: cat d/x y > z, deps: [d, y], outs: [z]}
"""


def dvc(folder: Path, *arguments: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    done = subprocess.run(
        ["dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, Path]:
    """A pipeline that has run, and the object of its output y; links as in semdim's own."""
    dvc(tmp_path, "init", "--quiet", "--no-scm")
    dvc(tmp_path, "config", "cache.type", "hardlink,symlink")
    (tmp_path / "in.txt").write_text("hello\n")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    dvc(tmp_path, "repro", "--quiet")
    lock = (tmp_path / "dvc.lock").read_text()
    (name,) = set(re.findall(r"path: y\n.*\n?\s+md5: (\w+)", lock))
    return tmp_path, cache_folder(tmp_path) / name[:2] / name[2:]


def outcome(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in ("d/x", "y", "z")}


def test_damage_is_computed_again_and_given_to_no_stage(project: tuple[Path, Path]) -> None:
    """By itself DVC skipped the stage and checked the damaged object out."""
    folder, path = project
    before = outcome(folder)
    path.chmod(0o644)
    with path.open("r+b") as stream:  # the workspace has links to it
        stream.write(b"J")
    path.chmod(0o444)
    assert outcome(folder)["y"] == "Jello\n"
    assert remove_damaged(folder) == ["".join(path.parts[-2:])]
    assert "Running stage 'first'" in dvc(folder, "repro")
    assert outcome(folder) == before and path.read_text() == "hello\n"


def test_a_deleted_object_is_put_back(project: tuple[Path, Path]) -> None:
    folder, path = project
    before = outcome(folder)
    path.unlink()
    (folder / "y").unlink()
    dvc(folder, "repro")
    assert outcome(folder) == before and path.read_text() == "hello\n"
