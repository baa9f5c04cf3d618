"""A command that a server's fork runs is the command: its folder, words, files, status, code."""

import os
import signal
from pathlib import Path

import pytest

from tests.forking.server import OURS, PRELOADED
from tests.pipeline.conftest import Clone, without_code

pytestmark = pytest.mark.slow

TELL = """
import os, sys, torch
print(os.getcwd(), sys.argv[1:], os.environ["ASKED"], __name__, os.environ["PYTHONHASHSEED"])
print("read:", sys.stdin.read(), file=sys.stderr)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), int(sys.argv[2]))
if sys.argv[1] == "raise":
    raise ValueError("something broke")
sys.exit(int(sys.argv[2]) if sys.argv[1] == "exit" else sys.argv[2])
"""


@pytest.fixture
def telling(tmp_path: Path, forking: dict[str, str]) -> Clone:
    """A folder with one stage, which tells what it was given."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/tell.py").write_text(TELL)
    return Clone(tmp_path, forking)


def test_a_stage_has_its_folder_words_environment_and_files(telling: Clone) -> None:
    env = {"ASKED": "of this one", "PYTHONHASHSEED": "7"}
    done = telling.run("python", "-m", "stages.tell", "exit", "3", env=env)
    assert done.returncode == 3
    assert done.stdout == f"{telling.root} ['exit', '3'] of this one __main__ 7\n"
    assert done.stderr == "read: \n"
    plain = telling.plain.run("python", "-m", "stages.tell", "exit", "3", env=env)
    assert (plain.returncode, plain.stdout, plain.stderr) == (3, done.stdout, done.stderr)


def test_however_it_ends_it_ends_so(telling: Clone) -> None:
    env = {"ASKED": "", "PYTHONHASHSEED": "0"}
    for clone in (telling, telling.plain):
        killed = clone.run("python", "-m", "stages.tell", "kill", str(int(signal.SIGTERM)), env=env)
        assert killed.returncode == -signal.SIGTERM
        broken = clone.run("python", "-m", "stages.tell", "raise", "x", env=env)
        assert broken.returncode == 1 and "ValueError: something broke" in broken.stderr
        worded = clone.run("python", "-m", "stages.tell", "say", "a sentence", env=env)
        assert worded.returncode == 1 and worded.stderr.endswith("a sentence\n")


def test_a_server_has_none_of_our_code(telling: Clone) -> None:
    """Else a clone's changes would not be what runs there."""
    assert not [name for name in PRELOADED if name.split(".")[0] in OURS]
    code = "import semdim, sys; print(semdim.__file__); sys.exit(0)"
    (telling.root / "stages/tell.py").write_text(code)
    (telling.root / "src/semdim").mkdir(parents=True)
    (telling.root / "src/semdim/__init__.py").touch()
    done = telling.run("python", "-m", "stages.tell")
    assert Path(done.stdout.strip()) == telling.root / "src/semdim/__init__.py"


def test_the_code_is_left_out_of_the_stages_and_nothing_else() -> None:
    text = (Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8")
    left = without_code(text)
    gone = set(text.splitlines()) - set(left.splitlines())
    assert len(gone) > 100
    words = [word.strip(" ,") for line in gone for word in line.split(",") if word.strip()]
    assert not [w for w in words if not w.startswith(("src/", "stages/")) and w != "# code"]
    assert os.linesep.join(left.splitlines()[:4]) == os.linesep.join(text.splitlines()[:4])
