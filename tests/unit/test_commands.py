"""The command line and the package: light to start, one sentence for a mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semdim.commands.app import app
from stages.support.configuration import composed

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


def test_a_summary_without_results_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("summary", str(tmp_path))
    assert code == 1 and "make repro" in output


def test_a_summary_tells_the_numbers_of_every_probe(tmp_path: Path) -> None:
    for name, crossing in (("a", 23885.7), ("b", None)):
        folder = tmp_path / "probes" / name
        folder.mkdir(parents=True)
        (folder / "bounds.csv").write_text("family,failure_prob\nholdout,0.05\n")
        numbers = {
            "as_published_crossing_n_tokens": crossing,
            "baseline": 15.58,
            "as_published_total": 11.25,
            "n_tokens": 99968,
            "holdout_betting_total": 6.0,
            "faithfulness_sae_total": 0.25,
        }
        (folder / "bound.json").write_text(json.dumps(numbers))
    code, output = run("summary", str(tmp_path))
    assert code == 0
    assert "from N = 23,886 tokens on" in output and "never" in output and "95%" in output


def test_a_plan_without_params_says_what_to_do(tmp_path: Path) -> None:
    code, output = run("plan", "--params", str(tmp_path / "none.yaml"))
    assert code == 1 and "make params" in output


def test_a_plan_with_impossible_params_names_the_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(composed(["splice=sideways"]))
    code, output = run("plan", "--params", str(path))
    assert code == 1 and "sideways" in output
