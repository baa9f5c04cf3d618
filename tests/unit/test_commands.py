"""The command line and the package: light to start, one sentence for a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from semdim import __version__
from semdim.commands.app import app
from stages.support.configuration import composed
from tests.bad_inputs.files import PROBE

HEAVY = ("torch", "pandas", "scipy", "matplotlib", "sklearn", "transformers", "transformer_lens")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output + result.stderr


@pytest.mark.parametrize("module", ["semdim", "semdim.commands.app", "semdim.settings"])
def test_importing_is_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_the_commands() -> None:
    code, output = run("--help")
    assert code == 0
    for command in ("bound", "monitor", "plan", "summary"):
        assert command in output


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))
def test_the_help_of_a_command_holds_no_code(command: str) -> None:
    """An option's declaration once stood in the middle of an epilog."""
    code, output = run(command, "--help")
    assert code == 0 and "Usage" in output
    assert "Annotated" not in output and "typer" not in output


def test_a_summary_without_results_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("summary", str(tmp_path))
    assert code == 1 and "make repro" in output


def results_of(folder: Path, **crossings: float | None) -> None:
    """Results of some probes, as the pipeline leaves them."""
    for name, crossing in crossings.items():
        probe = folder / "probes" / name
        probe.mkdir(parents=True)
        (probe / "bounds.csv").write_text("family,failure_prob\nholdout,0.05\n")
        numbers = {
            "as_published_crossing_n_tokens": crossing,
            "baseline": 15.58,
            "as_published_total": 11.25,
            "n_tokens": 99968,
            "holdout_betting_total": 6.0,
            "faithfulness_sae_total": 0.25,
        }
        (probe / "bound.json").write_text(json.dumps(numbers))


def test_a_summary_tells_the_numbers_of_every_probe(tmp_path: Path) -> None:
    results_of(tmp_path / "results", a=23885.7, b=None)
    setup = {
        "model": {"name": "org/model"}, "context": 128,
        "sae": {"dict_size": 9216, "hook_point": "blocks.1.hook_resid_pre"},
    }  # fmt: skip
    (tmp_path / "results/probes/a/setup.json").write_text(json.dumps(setup))
    code, output = run("summary", str(tmp_path / "results"))
    assert code == 0
    assert "from N = 23,886 tokens on" in output and "never" in output and "95%" in output
    assert "org/model, 9,216 atoms at blocks.1.hook_resid_pre" in output
    assert "a 127-token text" in output


def test_a_summary_is_of_the_probes_of_this_run(tmp_path: Path) -> None:
    results_of(tmp_path / "results", old=None, b=None, a=1000.0)
    (tmp_path / "params.yaml").write_text("grid: {probe: [a, b, c]}\n")
    code, output = run("--root", str(tmp_path), "summary")
    assert code == 0
    lines = output.splitlines()
    assert [line.strip() for line in lines if line.strip() in ("a", "b", "old")] == ["a", "b"]
    assert "Not computed yet: c" in output
    assert "From earlier runs, not from this one: old." in output
    (tmp_path / "params.yaml").write_text("grid: [")
    assert "From earlier runs" not in run("--root", str(tmp_path), "summary")[1]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back to this folder after a test: --root leaves it."""
    monkeypatch.chdir(Path.cwd())


def test_the_version_is_told() -> None:
    assert run("--version") == (0, f"semdim {__version__}\n")


def on_this_machine(
    *arguments: str, out: Any = subprocess.PIPE, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own: `CliRunner` brings streams that never fail."""
    return subprocess.run(
        [sys.executable, "-m", "semdim.commands.app", *arguments],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=False,
    )


@pytest.mark.parametrize("command", ["bound", "monitor", "compare", "certify"])
def test_help_is_printed_on_a_console_that_lacks_its_characters(command: str) -> None:
    done = on_this_machine(command, "--help", encoding="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


def test_json_is_json_on_a_console_that_lacks_its_characters() -> None:
    """Python's own escapes, such as \\xb7, are none in JSON."""
    asked = ("bound", "--from", str(PROBE), "--json")
    here = run(*asked)[1]
    assert not here.isascii()
    assert json.loads(on_this_machine(*asked, encoding="ascii").stdout) == json.loads(here)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_cannot_be_written_is_said_before_a_command_runs_too(option: str) -> None:
    with open("/dev/full", "w") as full:
        done = on_this_machine(option, out=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The output cannot be written: No space left on device;")
    assert done.stderr.count("\n") == 1


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    code, output = run("--root", str(tmp_path / "[/bold]none"), "summary")
    assert code == 1 and "--root" in output and "cannot be entered (No such file" in output


def test_completion_can_be_installed() -> None:
    code, output = run("--help")
    assert code == 0 and "--install-completion" in output and "--root" in output


def test_a_plan_without_params_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("plan", "--params", str(tmp_path / "none.yaml"))
    assert code == 1 and "make params" in output


def test_a_plan_with_impossible_params_names_the_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(composed(["splice=sideways"]))
    code, output = run("plan", "--params", str(path))
    assert code == 1 and "sideways" in output


def test_bounds_of_several_values_of_alpha_are_told_apart() -> None:
    result = CliRunner().invoke(app, ["bound", "--from", str(PROBE)])
    table = result.output.split("smallest of each family")[1].split("\n\n")[0]
    rows = [line.split() for line in table.splitlines() if line.startswith("  holdout ")]
    assert len(rows) > 3 and all(row[1] == "certificate" for row in rows)
    shares = [float(row[2]) for row in rows]
    assert len(set(shares)) == len(shares) and max(shares) == 0.5


def test_the_package_is_the_command_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "semdim", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Usage: semdim" in done.stdout
