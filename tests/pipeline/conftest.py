"""One real run of the whole pipeline, on a tiny random model, in a temporary clone.

Two things make the runs quick, and neither changes what they compute. Commands are run by forks of
a process that has imported the heavy packages (tests/forking), except where a test says `plain`.
And the clone's dvc.yaml lists no code: most of the time of `dvc repro` goes into reading and
writing those lists, which tests/unit/test_dependencies.py holds, on dvc.yaml as it stands.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.forking import start

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ("-S", "experiment=smoke")
#: What no stage reads is left out of the clone: git's index is read and written for each stage.
LEFT_OUT = ("results/", "docs/", "tests/", "bench/", ".github/")
#: The ends of what is computed for the first probe. What is drawn of it, test_probes.py runs again.
RESULTS = ("gather_results@probe0", "certify@probe0")
#: A probe like `tiny`, with other random weights.
OTHER_PROBE, ITS_SEED = "tiny_b", 1


@dataclass(frozen=True)
class Clone:
    """A copy of the repository with its own DVC cache."""

    root: Path
    forking: dict[str, str] = field(default_factory=dict)
    """Environment in which commands are run by forks of a server; empty: by new processes."""

    @property
    def plain(self) -> "Clone":
        """The same clone, whose commands are new processes."""
        return replace(self, forking={})

    @property
    def environment(self) -> dict[str, str]:
        """Of its commands, beside that of the tests."""
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # The library of the clone, not that of the tree the environment was made in.
            "PYTHONPATH": str(self.root / "src"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            **self.forking,
        }

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
        environment = os.environ | self.environment
        environment.pop("DVC_EXP_NAME", None)
        # Looked for on the clone's PATH, as a shell does, and not on that of the tests.
        program = shutil.which(command[0], path=environment["PATH"]) or command[0]
        return subprocess.run(
            [program, *command[1:]], cwd=self.root, env=environment | (env or {}),
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def experiment(self, *options: str) -> str:
        """`dvc exp run -S experiment=smoke ...`; returns what it printed."""
        done = self.run("dvc", "exp", "run", *SMOKE, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def again(self, *targets: str) -> list[str]:
        """The stages that `dvc repro` runs with the parameters of the last experiment."""
        done = self.run("dvc", "repro", *targets, env={"DVC_EXP_NAME": "again"})
        assert done.returncode == 0, done.stdout + done.stderr
        return stages_run(done.stdout)

    def stage(self, name: str, *overrides: str) -> subprocess.CompletedProcess:  # type: ignore[type-arg]
        return self.run("python", "-m", f"stages.{name}", *overrides)


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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the whole session, whichever worker a test runs in."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def forking(shared: Path) -> dict[str, str]:
    """The environment in which commands are run by forks of a server."""
    in_worker = "PYTEST_XDIST_WORKER" in os.environ
    return start.started(shared, os.getppid() if in_worker else os.getpid())


@pytest.fixture(scope="session")
def finished(shared: Path, forking: dict[str, str]) -> tuple[Path, str]:
    """A clone in which the whole pipeline ran once, and what it printed; nobody changes it.

    One for all of a session's workers.
    """
    folder, printed = shared / "finished" / "semdim", shared / "first_run.txt"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            shutil.rmtree(folder, ignore_errors=True)
            printed.write_text(cloned(folder, forking).experiment())
    return folder, printed.read_text()


@pytest.fixture(scope="session")
def first_run(finished: tuple[Path, str]) -> str:
    """What the whole pipeline printed when it ran for the first time."""
    return finished[1]


@pytest.fixture(scope="session")
def copied(
    finished: tuple[Path, str], forking: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Clone]:
    """Makes copies of that clone, each with a cache of its own: the plain smoke run is there."""

    def copy() -> Clone:
        folder = tmp_path_factory.mktemp("clone") / "semdim"
        # copytree hands its function absolute paths.
        shutil.copytree(finished[0], folder, symlinks=True, copy_function=_copy_file)
        return Clone(folder, forking)

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


#: Parts of a clone whose files nobody writes to; a copy has links to them.
NEVER_WRITTEN = ("models", ".git/objects", ".dvc/cache/files")


def _copy_file(source: str, target: str) -> None:
    inside = source.partition("/finished/semdim/")[2]
    if inside.startswith(tuple(f"{folder}/" for folder in NEVER_WRITTEN)):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def without_code(pipeline: str) -> str:
    """A dvc.yaml in which stages depend on data and settings only."""
    return re.sub(r"(?ms)^ +# code\n.*?^(    \])", r"\1", pipeline)


def cloned(folder: Path, forking: dict[str, str]) -> Clone:
    """The tree as it stands (what git tracks or would track) but `LEFT_OUT`, with another probe."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(LEFT_OUT):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    for pipeline in (folder / "dvc.yaml", folder / "training/dvc.yaml"):
        whole = pipeline.read_text(encoding="utf-8")
        pipeline.write_text(without_code(whole), encoding="utf-8")
        assert "src/semdim" in whole and "src/semdim" not in pipeline.read_text(encoding="utf-8")
    tiny = (folder / "conf/probe/tiny.yaml").read_text()
    other = tiny.replace("seed: 0", f"seed: {ITS_SEED}")
    for before in ("name: tiny\n", "  tiny:\n", "probes.tiny."):
        other = other.replace(before, before.replace("tiny", OTHER_PROBE))
    (folder / f"conf/probe/{OTHER_PROBE}.yaml").write_text(other)
    copy = Clone(folder, forking)
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
