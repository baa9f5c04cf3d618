"""The wheel in an environment of its own: what it carries, and that its declared packages do."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from bench.environment import NOT_COUNTED, closure, named, requirements_of
from semdim import scaffold

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Packages that only the pipeline, the tests or the weights want.
NOT_THERE = ("dvc", "hydra", "gensim", "mwparserfromhell", "pytest", "hypothesis", "stages")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "clone"
    names = ["pyproject.toml", "setup.py", "README.md", "LICENSE", "src"]
    for name in [*names, *scaffold.LIST.read_text().split()]:
        origin = ROOT / name
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, copy / name, ignore=shutil.ignore_patterns("*.egg-info"))
        else:
            shutil.copyfile(origin, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(copy)], check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and the packages that its core declares, and no other.

    Those are links to the ones installed here, for nothing may be downloaded.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "env", with_pip=False)
    _link(_core(), folder / "core")
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    (site / "core.pth").write_text(f"{folder / 'core'}\n")
    # The environment has no pip of its own.
    command = [sys.executable, "-m", "pip", "--python", str(folder / "env/bin/python"), "install"]
    subprocess.run([*command, "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "env"


def _core() -> set[str]:
    """Distributions that the core's requirements lead to, extras that they ask for included."""
    graph = {
        canonicalize_name(own.metadata["Name"]): [name for name, _ in requirements_of(own)]
        for own in distributions()
    }
    core = [name for name, group in named(PROJECT).items() if group == "core"]
    return closure(core, graph) - set(NOT_COUNTED)


def _link(names: set[str], folder: Path) -> None:
    """A folder with links to what these distributions put side by side in site-packages."""
    folder.mkdir()
    for name in names:
        own = distribution(name)
        for file in own.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(own.locate_file(top))))


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))
    }
    return subprocess.run(
        [str(installed / "bin" / command[0]), *command[1:]],
        cwd=folder, env=environment | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_library_and_the_command_line_work_with_the_core_alone(
    installed: Path, tmp_path: Path
) -> None:
    code = (
        "import importlib.util as u, semdim, semdim.measure, semdim.monitor; "
        f"print(semdim.__file__, [n for n in {NOT_THERE} if u.find_spec(n)])"
    )
    done = run(installed, tmp_path, "python", "-W", "ignore", "-c", code)
    assert done.returncode == 0, done.stderr
    where, _, there = done.stdout.strip().partition(" ")
    assert Path(where).is_relative_to(installed) and there == "[]"
    numbers = (
        "--vocab-size 50257 --smoothing .5 --n-active 100 --dict-size 100000 "
        "--n-tokens 1000000 --failure-prob .05"
    )
    bound = run(installed, tmp_path, "semdim", "bound", *numbers.split())
    assert bound.returncode == 0, bound.stderr
    assert "15.617037" in bound.stdout  # log2 50257


def test_the_wheel_carries_the_pipeline(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "semdim", "init", "mine")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine/stages/tokenize.py").is_file()
    assert (tmp_path / "mine/dvc.yaml").is_file()
    (site,) = installed.glob("lib/python*/site-packages")
    assert (site / "semdim/pipeline/conf/config.yaml").is_file()
    assert (site / "hydra_plugins/semdim_axes.py").is_file()
