"""One real run of the whole pipeline, on a tiny random model, in a temporary clone."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ("-S", "experiment=smoke")
#: More probes like `tiny`, with other random weights.
MORE_PROBES = {"tiny_b": 1, "tiny_c": 2}


@dataclass(frozen=True)
class Clone:
    """A copy of the repository with its own DVC cache."""

    root: Path

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # The library of the clone, not that of the tree the environment was made in.
            "PYTHONPATH": str(self.root / "src"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("DVC_EXP_NAME", None)
        return subprocess.run(
            command, cwd=self.root, env=environment | (env or {}), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def experiment(self, *options: str) -> str:
        """`dvc exp run -S experiment=smoke ...`; returns what it printed."""
        done = self.run("dvc", "exp", "run", *SMOKE, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stage(self, name: str, *overrides: str) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
        return self.run(sys.executable, "-m", f"stages.{name}", *overrides)


def stages_run(output: str) -> list[str]:
    """Names of the stages that DVC ran, as it printed them."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage ")]
    return [line.split("'")[1] for line in lines]


def losses_told(output: str) -> list[str]:
    """What the stages of losses said that they computed."""
    told = (line for line in output.splitlines() if line.startswith("losses on "))
    return [line.partition(": ")[2].partition(" -> ")[0] for line in told]


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A clone in which the whole pipeline ran once, and what it printed; nobody changes it.

    One for all of a session's workers.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, printed = shared / "finished" / "semdim", shared / "first_run.txt"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            shutil.rmtree(folder, ignore_errors=True)
            printed.write_text(_cloned(folder).experiment())
    return folder, printed.read_text()


@pytest.fixture(scope="session")
def first_run(finished: tuple[Path, str]) -> str:
    """What the whole pipeline printed when it ran for the first time."""
    return finished[1]


@pytest.fixture(scope="session")
def copied(
    finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Clone]:
    """Makes copies of that clone, each with a cache of its own: the plain smoke run is there."""

    def copy() -> Clone:
        folder = tmp_path_factory.mktemp("clone") / "semdim"
        shutil.copytree(finished[0], folder, symlinks=True)
        return Clone(folder)

    return copy


@pytest.fixture(scope="module")
def clone(copied: Callable[[], Clone]) -> Iterator[Clone]:
    """A copy for the tests of one file."""
    yield from _passing(copied())


@pytest.fixture
def fresh(copied: Callable[[], Clone]) -> Iterator[Clone]:
    """A copy for one test."""
    yield from _passing(copied())


def _passing(copy: Clone) -> Iterator[Clone]:
    yield copy
    shutil.rmtree(copy.root, ignore_errors=True)


def _cloned(folder: Path) -> Clone:
    """A clone of the tree as it stands (what git tracks or would track), with more probes."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    tiny = (folder / "conf/probe/tiny.yaml").read_text()
    for name, seed in MORE_PROBES.items():
        text = tiny.replace("seed: 0", f"seed: {seed}").replace("name: tiny\n", f"name: {name}\n")
        text = text.replace("  tiny:\n", f"  {name}:\n").replace("probes.tiny.", f"probes.{name}.")
        (folder / f"conf/probe/{name}.yaml").write_text(text)
    copy = Clone(folder)
    for command in (
        ("git", "init", "-q", "-b", "main"),
        ("git", "config", "user.name", "test"),
        ("git", "config", "user.email", "test@localhost"),
        ("git", "add", "-A"),
        ("git", "commit", "-q", "-m", "x"),
    ):
        done = copy.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return copy
